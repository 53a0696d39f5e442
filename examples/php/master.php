<?php
// The master of "Distributed queue example" (2011), mended: one push a message, and Baton does the rest.
// A message can't be lost between two commands, since there is only one; order is first in, first out; a worker that
// dies loses nothing. Any number of workers, on any number of machines:
//
//     BATON_STORE=redis://localhost baton work php --exec 'cat'
//
// Usage: php master.php [port] [messages]      Needs: apt-get install -y php-cli php-redis

$redis = new Redis();
$redis->connect('127.0.0.1', (int) ($argv[1] ?? 6379));
$count = (int) ($argv[2] ?? 10);

for ($i = 1; $i <= $count; $i++) {
    $redis->rPush('baton:{php}:inbox', json_encode(['number' => $i, 'text' => "message $i"]));
}
echo "$count messages sent\n";

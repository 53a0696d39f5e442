-- How many messages are in each state.
--
-- KEYS  1 ready  2 ranked  3 delayed  4 leases  5 dead  6 inbox
-- Reply ready (with those of the inbox, which have no id yet), delayed, active, dead

return {
  redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + redis.call('LLEN', KEYS[6]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
  redis.call('ZCARD', KEYS[5]),
}

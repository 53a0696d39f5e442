-- Heals the queue, ends leases, hands out new ones.
--
-- KEYS  1 messages  2 ready  3 ranked  4 delayed  5 leases  6 dead  7 inbox  8 wake  9 meta
-- ARGV  1 crash limit
--       2 how many messages to receive  3 lease in ms  4 token
--       5 tail of the ids of messages from the inbox
--       6 how many acks  7 how many other settlements
--       then for each ack: its lease (`id:token`)
--       then for each other settlement: its lease, its kind (retry, dead, release), its delay in ms, its reason, and the
--       error as text (each of the last two may be empty)
-- Reply an array: 1 for each settlement in the order given, '1' if its lease was held and '0' if not, as one string; empty
--         if all were  2 1 if ready messages are left  3 ms until something is due, -1 if nothing is
--         then for each received message its id and its record
--
-- Reads come before writes, and of the writes those that free memory come first: a script that fails half-way is not rolled
-- back, and when memory is full one that begins by freeing runs through.

local messages, ready, ranked, delayed, leases, dead, inbox, wake, meta = unpack(KEYS)
local crashLimit, max, leaseFor, token, tail = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local acks, others = tonumber(ARGV[6]), tonumber(ARGV[7])
local ID = 18
local HEALED_LEASES, HEALED_DELAYED, HEALED_INBOX = 100, 1000, 1000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local KINDS = { b = 'string', p = 'number', f = 'number', c = 'number', r = 'string', e = 'string' }

-- A head that Baton did not write must not stop the script half-way: it is looked through before anything is made of it.
local function isHead(head)
  if type(head) ~= 'table' then return false end
  for name, value in pairs(head) do
    local kind = type(value)
    if type(name) ~= 'string' or (KINDS[name] or kind) ~= kind then return false end
    if kind == 'number' and not (value >= 0 and value <= 1e9) then return false end
    if kind ~= 'number' and kind ~= 'string' and kind ~= 'boolean' then return false end
  end
  return true
end

local function split(record)
  local cut = string.find(record, '\n', 1, true)
  if cut == 1 then return {}, string.sub(record, 2) end
  if cut then
    local ok, head = pcall(cjson.decode, string.sub(record, 1, cut - 1))
    if ok and isHead(head) then return head, string.sub(record, cut + 1) end
  end
  return { b = 'damaged' }, record
end

local function join(head, body)
  if next(head) == nil then return '\n' .. body end
  return cjson.encode(head) .. '\n' .. body
end

-- Whether one id was sent before another. Lua's `<` goes by the server's locale, in which "aa" may come after "z".
local function before(a, b)
  for i = 1, ID do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return (x or 0) < (y or 0) end
  end
  return false
end

-- Puts a message that left the line back: it is due later, or it is ready.
local function giveBack(id, head, delay)
  if delay > 0 then
    redis.call('ZADD', delayed, now + delay, head.p and string.format('%s:%d', id, head.p) or id)
  else
    redis.call('ZADD', ranked, -(head.p or 0), id)
  end
end

local function bury(id, head, reason)
  head.r = reason
  redis.call('ZADD', dead, now, id)
end

-- Heal -------------------------------------------------------------------------------------------------------------------

local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, HEALED_LEASES)
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, HEALED_DELAYED)
local foreign = redis.call('LRANGE', inbox, 0, HEALED_INBOX - 1)
-- A foreign type must show before the first write.
if acks + others + #expired + #due + #foreign > 0 then
  redis.call('HLEN', messages)
  redis.call('LLEN', ready)
  redis.call('ZCARD', ranked)
  redis.call('ZCARD', dead)
  if #foreign > 0 then redis.call('HLEN', meta) end
end
local woken = redis.call('LLEN', wake) > 0

if #expired > 0 then
  local ids = {}
  for i, lease in ipairs(expired) do ids[i] = string.sub(lease, 1, ID) end
  local records = redis.call('HMGET', messages, unpack(ids))
  redis.call('ZREM', leases, unpack(expired))
  for i, id in ipairs(ids) do
    if records[i] then
      local head, body = split(records[i])
      head.c = (head.c or 0) + 1
      if head.c >= crashLimit then bury(id, head, 'crashed') else giveBack(id, head, 0) end
      redis.call('HSET', messages, id, join(head, body))
    end
  end
end

if #due > 0 then
  local inRank = {}
  for i, member in ipairs(due) do
    inRank[2 * i - 1] = '-' .. (string.match(member, '^:(%d+)$', ID + 1) or '0')
    inRank[2 * i] = string.sub(member, 1, ID)
  end
  redis.call('ZREM', delayed, unpack(due))
  redis.call('ZADD', ranked, unpack(inRank))
end

if #foreign > 0 then
  local micros = time[1] * 1000000 + time[2]
  local first = math.max(micros, (tonumber(redis.call('HGET', meta, 'sequence') or 0) or 0) + 1)
  local ids, pairs_ = {}, {}
  for i, body in ipairs(foreign) do
    local id = string.format('%013x', first + i - 1) .. tail
    ids[i] = id
    pairs_[2 * i - 1] = id
    pairs_[2 * i] = '{"b":"raw"}\n' .. body
  end
  redis.call('LTRIM', inbox, #foreign, -1)
  redis.call('HSET', messages, unpack(pairs_))
  redis.call('RPUSH', ready, unpack(ids))
  redis.call('HSET', meta, 'sequence', string.format('%.0f', first + #foreign - 1))
end

-- Settle -----------------------------------------------------------------------------------------------------------------

local settled = ''
local at = 7
if acks + others > 0 then
  local held = {}
  local all = true
  local asked = {}
  for i = 1, acks do asked[i] = ARGV[at + i] end
  for i = 1, others do asked[acks + i] = ARGV[at + acks + 5 * i - 4] end
  local scores = redis.call('ZMSCORE', leases, unpack(asked))
  for i = 1, #asked do
    held[i] = scores[i] and '1' or '0'
    if not scores[i] then all = false end
  end

  local ids, ended = {}, {}
  for i = 1, acks do
    if scores[i] then
      ended[#ended + 1] = asked[i]
      ids[#ids + 1] = string.sub(asked[i], 1, ID)
    end
  end
  if #ids > 0 then
    redis.call('ZREM', leases, unpack(ended))
    redis.call('HDEL', messages, unpack(ids))
  end

  for i = acks + 1, acks + others do
    if scores[i] then
      local id = string.sub(asked[i], 1, ID)
      local base = at + acks + 5 * (i - acks - 1) + 1
      local kind, delay, reason, err = ARGV[base + 1], tonumber(ARGV[base + 2]), ARGV[base + 3], ARGV[base + 4]
      local record = redis.call('HGET', messages, id)
      redis.call('ZREM', leases, asked[i])
      if record then
        local head, body = split(record)
        if err ~= '' then head.e = err end
        if kind == 'dead' then
          if reason == 'failed' then head.f = (head.f or 0) + 1 end
          bury(id, head, reason)
        else
          if kind == 'retry' then head.f = (head.f or 0) + 1 end
          giveBack(id, head, delay)
        end
        if kind ~= 'release' then redis.call('HSET', messages, id, join(head, body)) end
      end
    end
  end
  if not all then settled = table.concat(held) end
end

-- Receive ----------------------------------------------------------------------------------------------------------------

local reply = { settled, 0, -1 }
if max > 0 then
  local line = redis.call('LRANGE', ready, 0, max - 1)
  local rank = redis.call('ZRANGE', ranked, 0, max - 1, 'WITHSCORES')
  local ids, fromRank = line, {}
  local fromLine = #line
  if #rank > 0 then
    -- Merge: a ranked message goes first if it has a priority, or was sent before the head of the line.
    ids = {}
    local l, r = 1, 1
    while #ids < max and (line[l] or rank[r]) do
      if rank[r] and (not line[l] or tonumber(rank[r + 1]) < 0 or before(rank[r], line[l])) then
        ids[#ids + 1] = rank[r]
        fromRank[#fromRank + 1] = rank[r]
        r = r + 2
      else
        ids[#ids + 1] = line[l]
        l = l + 1
      end
    end
    fromLine = l - 1
  end
  if #ids > 0 then
    local records = redis.call('HMGET', messages, unpack(ids))
    if fromLine > 0 then redis.call('LTRIM', ready, fromLine, -1) end
    if #fromRank > 0 then redis.call('ZREM', ranked, unpack(fromRank)) end
    local granted = {}
    local expiry = now + leaseFor
    local suffix = ':' .. token
    for i = 1, #ids do
      -- An id without a record was put there by another program: there is nothing to hand out.
      if records[i] then
        granted[#granted + 1] = expiry
        granted[#granted + 1] = ids[i] .. suffix
        reply[#reply + 1] = ids[i]
        reply[#reply + 1] = records[i]
      end
    end
    if #granted > 0 then redis.call('ZADD', leases, unpack(granted)) end
  end
end

if redis.call('EXISTS', ready, ranked, inbox) > 0 then
  reply[2] = 1
  -- One wakes one, and that one the next, until all is handed out or everybody works.
  if not woken then
    -- The first makes the second pass when memory is full and nothing was written yet.
    redis.call('LTRIM', wake, 0, 0)
    redis.call('RPUSH', wake, '1')
  end
end
local lease = redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2]
local delay = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
local next_ = math.min(tonumber(lease or math.huge), tonumber(delay or math.huge))
if next_ < math.huge then reply[3] = math.max(0, next_ - now) end
return reply

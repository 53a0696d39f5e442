-- Stores messages, all or none, in the order given.
--
-- KEYS  1 messages  2 ready  3 ranked  4 delayed  5 wake  6 meta
-- ARGV  1 tail of the ids
--       2 how many messages have a delay or a priority
--       then for each of those: its place among the records (from 1), its delay in ms, its priority
--       then the records
-- Reply the sequence of the first id; the others count up from it. A string, because it has 51 bits.

local messages, ready, ranked, delayed, wake, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local tail = ARGV[1]
local special = {}
local offset = 2
for _ = 1, tonumber(ARGV[2]) do
  special[tonumber(ARGV[offset + 1])] = { delay = tonumber(ARGV[offset + 2]), priority = ARGV[offset + 3] }
  offset = offset + 3
end

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

-- A hybrid logical clock: ids ascend even when the server's clock steps back. The other keys are read before the first
-- write, because a script that fails half-way (a key of a foreign type) is not rolled back.
local last = tonumber(redis.call('HGET', meta, 'sequence') or 0) or 0
local first = math.max(micros, last + 1)
local count = #ARGV - offset
local earliest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
local woken = redis.call('LLEN', wake) > 0
redis.call('LLEN', ready)
redis.call('ZCARD', ranked)

local pairs_, inLine, inRank, later = {}, {}, {}, {}
local wakes = false
for i = 1, count do
  local id = string.format('%013x', first + i - 1) .. tail
  pairs_[2 * i - 1] = id
  pairs_[2 * i] = ARGV[offset + i]
  local s = special[i]
  if s == nil then
    inLine[#inLine + 1] = id
  elseif s.delay > 0 then
    local due = now + s.delay
    later[#later + 1] = due
    later[#later + 1] = s.priority == '0' and id or id .. ':' .. s.priority
    -- Who waits for the earliest delayed message must learn of an earlier one.
    if earliest == nil or due < tonumber(earliest) then wakes = true end
  else
    inRank[#inRank + 1] = '-' .. s.priority
    inRank[#inRank + 1] = id
  end
end

redis.call('HSET', messages, unpack(pairs_))
redis.call('HSET', meta, 'sequence', string.format('%.0f', first + count - 1))
if #inLine > 0 then redis.call('RPUSH', ready, unpack(inLine)) end
if #inRank > 0 then redis.call('ZADD', ranked, unpack(inRank)) end
if #later > 0 then redis.call('ZADD', delayed, unpack(later)) end
if not woken and (wakes or #inLine > 0 or #inRank > 0) then redis.call('RPUSH', wake, '1') end
return string.format('%.0f', first)

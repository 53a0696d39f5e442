-- Makes held leases run out later.
--
-- KEYS  1 leases
-- ARGV  1 ms from now  then the leases (`id:token`)
-- Reply for each lease in the order given '1' if it was held and '0' if not, as one string; empty if all were
--
-- A lease that ran out but was not healed away is held: nobody else has the message yet.

local leases = KEYS[1]
local time = redis.call('TIME')
local expiry = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])

local asked = {}
for i = 2, #ARGV do asked[i - 1] = ARGV[i] end
local scores = redis.call('ZMSCORE', leases, unpack(asked))
local held, moved, all = {}, {}, true
for i, lease in ipairs(asked) do
  if scores[i] then
    held[i] = '1'
    moved[#moved + 1] = expiry
    moved[#moved + 1] = lease
  else
    held[i] = '0'
    all = false
  end
end
if #moved > 0 then
  -- ZADD is refused when memory is full, unless the script wrote before it: take them out and put them back.
  local out = {}
  for i = 2, #moved, 2 do out[#out + 1] = moved[i] end
  redis.call('ZREM', leases, unpack(out))
  redis.call('ZADD', leases, unpack(moved))
end
if all then return '' end
return table.concat(held)

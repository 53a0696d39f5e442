-- A page of the messages in one state.
--
-- KEYS  1 messages  2 ready  3 ranked  4 delayed  5 leases  6 dead
-- ARGV  1 state  2 limit  3 score and 4 member after which to begin (both empty: at the beginning)
-- Reply an array: 1 score and 2 member of the last one on the page, empty if there is no next page
--         then for each message its member (`id`, `id:priority` in delayed, `id:token` in leases), its score and its record
--
-- All structures are sorted, so a page begins with a binary search: the work is bounded by the page, not by the queue.

local messages, ready, ranked, delayed, leases, dead = unpack(KEYS)
local state, limit, score, member = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

-- Lua's `<` goes by the server's locale, in which "aa" may come after "z".
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- How many of `count` sorted entries are not after (score, member); `entry` gives the score and member of the i-th, from 0.
local function position(count, entry)
  if not score then return 0 end
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    local s, m = entry(middle)
    if s < score or (s == score and not before(member, m)) then low = middle + 1 else high = middle end
  end
  return low
end

local function fromSet(key)
  local start = position(redis.call('ZCARD', key), function(i)
    local e = redis.call('ZRANGE', key, i, i, 'WITHSCORES')
    return tonumber(e[2]), e[1]
  end)
  local found = {}
  local flat = redis.call('ZRANGE', key, start, start + limit, 'WITHSCORES')
  for i = 1, #flat, 2 do found[#found + 1] = { tonumber(flat[i + 1]), flat[i] } end
  return found
end

local function fromLine()
  local start = position(redis.call('LLEN', ready), function(i) return 0, redis.call('LINDEX', ready, i) end)
  local found = {}
  for i, id in ipairs(redis.call('LRANGE', ready, start, start + limit)) do found[i] = { 0, id } end
  return found
end

local found
if state == 'ready' then
  -- Both are sorted: merge.
  local rank, line = fromSet(ranked), fromLine()
  found = {}
  local r, l = 1, 1
  while #found <= limit and (rank[r] or line[l]) do
    if rank[r] and (not line[l] or rank[r][1] < 0 or before(rank[r][2], line[l][2])) then
      found[#found + 1] = rank[r]
      r = r + 1
    else
      found[#found + 1] = line[l]
      l = l + 1
    end
  end
else
  found = fromSet(({ delayed = delayed, active = leases, dead = dead })[state])
end

local reply = { '', '' }
for i = 1, math.min(limit, #found) do
  local s, m = string.format('%.17g', found[i][1]), found[i][2]
  reply[#reply + 1] = m
  reply[#reply + 1] = s
  reply[#reply + 1] = redis.call('HGET', messages, string.sub(m, 1, 18))
  if i == limit and #found > limit then
    reply[1] = s
    reply[2] = m
  end
end
return reply

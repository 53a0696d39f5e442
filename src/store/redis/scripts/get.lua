-- Looks messages up by id.
--
-- KEYS  1 messages  2 ready  3 ranked  4 delayed  5 leases  6 dead
-- ARGV  the ids
-- Reply for each id: false if there is no such message, else an array of its record, its state, the state's time in ms (0 for
--       ready), and the token (active only)
--
-- A message's state is where its id is. Leases are found by walking them, so the cost grows with how many are active.

local messages, ready, ranked, delayed, leases, dead = unpack(KEYS)

-- Lua's `<` goes by the server's locale, in which "aa" may come after "z".
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The line is sorted, so a binary search tells whether an id is in it.
local function inLine(id)
  local low, high = 0, redis.call('LLEN', ready) - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local found = redis.call('LINDEX', ready, middle)
    if found == id then return true end
    if before(found, id) then low = middle + 1 else high = middle - 1 end
  end
  return false
end

local active
local function findLease(id)
  if not active then
    active = {}
    local all = redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do active[string.sub(all[i], 1, 18)] = { all[i], all[i + 1] } end
  end
  return active[id]
end

-- The member of `delayed` has the priority in it, so that falling due needs no record.
local function delayedMember(id, record)
  local cut = string.find(record, '\n', 1, true)
  if not cut or cut == 1 then return id end
  local ok, head = pcall(cjson.decode, string.sub(record, 1, cut - 1))
  if ok and type(head) == 'table' and type(head.p) == 'number' then return string.format('%s:%d', id, head.p) end
  return id
end

local reply = {}
for i, id in ipairs(ARGV) do
  reply[i] = false
  local record = redis.call('HGET', messages, id)
  if record then
    local due = redis.call('ZSCORE', delayed, delayedMember(id, record))
    local died = not due and redis.call('ZSCORE', dead, id)
    if due then
      reply[i] = { record, 'delayed', due }
    elseif died then
      reply[i] = { record, 'dead', died }
    elseif redis.call('ZSCORE', ranked, id) or inLine(id) then
      reply[i] = { record, 'ready', '0' }
    else
      local lease = findLease(id)
      if lease then reply[i] = { record, 'active', lease[2], string.sub(lease[1], 20) } end
    end
  end
end
return reply

-- Tells whether an idle process has a reason to look at the queue. Changes nothing.
--
-- KEYS  1 ready  2 ranked  3 delayed  4 leases  5 inbox
-- Reply an array: 1 how many of ready and ranked have something  2 whether the inbox has  3 ms until something is due, 0 if
--         it is overdue, -1 if nothing is
--
-- It reads every key, so that client tracking tells of the next change of each.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ready = redis.call('EXISTS', KEYS[1], KEYS[2])
local inbox = redis.call('EXISTS', KEYS[5])
local delay = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
local lease = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2]
local first = math.min(tonumber(delay or math.huge), tonumber(lease or math.huge))
return { ready, inbox, first < math.huge and math.max(0, first - now) or -1 }

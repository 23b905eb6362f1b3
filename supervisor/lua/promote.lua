-- promote: jobs whose time has come go from the delayed set to the front of
-- their lanes, the one that was due first in front of the others.
--
-- KEYS 1 {Q}:delayed  2 {Q}:high  3 Q  4 {Q}:low
-- ARGV 1 at most how many
-- Answer { now ms, how many moved, unix ms when the next one is due or 0 }
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local lists = { h = KEYS[2], n = KEYS[3], l = KEYS[4] }
for i = #due, 1, -1 do
	local lane, payload = string.match(due[i], '^([hnl]):[^{}:]*:%d+:(.*)$')
	redis.call('RPUSH', lists[lane or 'n'], payload or due[i])
	redis.call('ZREM', KEYS[1], due[i])
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { now, #due, first[2] and math.floor(tonumber(first[2])) or 0 }

-- renew: prolong all leases of this worker in one queue.
--
-- KEYS 1 {Q}:leases  2 {Q}:leased:<worker>
-- ARGV 1 worker  2 lease ms
-- Answer { now ms, number of leases held }; the caller compares it with what
--      it thinks it holds. Without any lease the worker's entry goes away.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local held = redis.call('HLEN', KEYS[2])
if held > 0 then
	redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
else
	redis.call('ZREM', KEYS[1], ARGV[1])
end
return { now, held }

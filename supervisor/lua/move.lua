-- move: the leases of a run go on under another name of its worker.
--
-- KEYS 1 {Q}:leased:<from>  2 {Q}:leased:<to>  3 {Q}:leases
-- ARGV 1 from  2 to  3 this run's mark ("<run>-")  4 lease ms
-- Answer { now ms, how many }. What another run holds stays; a second call
--      finds nothing more to do.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local keys, n = redis.call('HKEYS', KEYS[1]), 0
for i = 1, #keys do
	if string.sub(keys[i], 1, #ARGV[3]) == ARGV[3] then
		redis.call('HSET', KEYS[2], keys[i],
			redis.call('HGET', KEYS[1], keys[i]))
		redis.call('HDEL', KEYS[1], keys[i])
		n = n + 1
	end
end
if n > 0 then
	redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[2])
end
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('ZREM', KEYS[3], ARGV[1])
end
return { now, n }

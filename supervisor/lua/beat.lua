-- beat: this worker lives, and this is its status.
--
-- KEYS 1 ai:workers  2 ai:worker:<worker>
-- ARGV 1 worker  2 status JSON  3 its life in ms  4 this run's mark, a text
--      that the status holds ("run":"...")
-- Answer now ms, or the status found there if another run holds the id
--      (nothing was changed then).
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local held = redis.call('GET', KEYS[2])
if held and not string.find(held, ARGV[4], 1, true) then
	return held
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400000)
return now

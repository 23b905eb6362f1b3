-- cancel: take a job that waits out of its lane or delayed set, for good.
--
-- KEYS 1 the list or zset  2 {Q}:job:<id>  3 {Q}:history  4 {Q}:stats
--      5 {Q}:log:<id>
-- ARGV 1 the element, byte for byte  2 id  3 record  4 its life in ms
--      5 events channel  6 event  7 reply key ('' = none)
--      8 key of its unique value ('' = none)
-- Answer 1, or 0 if the element is not there any more (nothing was changed).
local kind, gone = redis.call('TYPE', KEYS[1]).ok, 0
if kind == 'list' then
	gone = redis.call('LREM', KEYS[1], -1, ARGV[1])
elseif kind == 'zset' then
	gone = redis.call('ZREM', KEYS[1], ARGV[1])
end
if gone == 0 then
	return 0
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('HINCRBY', KEYS[4], 'cancelled', 1)
redis.call('PEXPIRE', KEYS[5], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
if ARGV[7] ~= '' then
	redis.call('LPUSH', ARGV[7], ARGV[3])
	redis.call('PEXPIRE', ARGV[7], 3600000)
end
if ARGV[8] ~= '' and redis.call('GET', ARGV[8]) == ARGV[2] then
	redis.call('DEL', ARGV[8])
end
return 1

-- schedule: one firing of a schedule, once per fleet.
--
-- KEYS 1 {Q}:schedule:<name>  2 the lane's list
-- ARGV 1 unix seconds of the firing  2 the job  3 life of the key in seconds
-- Answer 1 if the job was pushed, 0 if another worker has done so.
--
-- Every worker that has the schedule calls this at the same time; the first
-- one leaves the firing's time, which the others find. The push comes first:
-- a server out of memory refuses it before anything has changed.
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if last >= tonumber(ARGV[1]) then
	return 0
end
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1

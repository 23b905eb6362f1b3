-- requeue: give one leased job back, bytes unchanged unless a new payload is
-- given, to a lane of its queue, to the delayed set, or to another queue.
--
-- KEYS 1 {Q}:leased:<worker>  2 target list, or {Q}:delayed  3 {Q}:job:<id>
--      4 {Q}:history  5 {Q}:stats
-- ARGV 1 lease field  2 id ('' = leave no record)  3 record ('' = none)
--      4 life of the record in ms (0 = as long as the job lives)
--      5 where: front, back, or the unix ms at which it is due
--      6 lane letter h n l (for the delayed set)  7 history ('' = forget it;
--      '=' leave it)
--      8 counter of {Q}:stats to raise  9 events channel  10 event ('' = none)
--      11 payload ('' = as it is in the lease)
-- Answer 1, or 0 if the lease is not ours any more (nothing was changed).
--
-- The push comes first: a server out of memory refuses it before anything has
-- changed. A delayed member is "<lane>:<lease field>:<payload>": the field
-- makes equal payloads different members.
local payload = redis.call('HGET', KEYS[1], ARGV[1])
if not payload then
	redis.call('HINCRBY', KEYS[5], 'stale', 1)
	return 0
end
if ARGV[11] ~= '' then
	payload = ARGV[11]
end
if ARGV[5] == 'front' then
	redis.call('RPUSH', KEYS[2], payload)
elseif ARGV[5] == 'back' then
	redis.call('LPUSH', KEYS[2], payload)
else
	redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6] .. ':' .. ARGV[1] .. ':' .. payload)
end
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then
	if ARGV[3] ~= '' then
		if ARGV[4] == '0' then
			redis.call('SET', KEYS[3], ARGV[3])
		else
			redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
		end
	end
	if ARGV[7] == '=' then
		-- not known to the caller: as it is
	elseif ARGV[7] ~= '' then
		redis.call('HSET', KEYS[4], ARGV[2], ARGV[7])
	else
		redis.call('HDEL', KEYS[4], ARGV[2])
	end
end
redis.call('HINCRBY', KEYS[5], ARGV[8], 1)
if ARGV[10] ~= '' then
	redis.call('PUBLISH', ARGV[9], ARGV[10])
end
return 1

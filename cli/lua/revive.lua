-- revive: a dead letter's job goes back to its lane, or is dropped.
--
-- KEYS 1 {Q}:dead  2 lane to push to  3 {Q}:history
-- ARGV 1 the letter, byte for byte  2 payload ('' = drop the letter)
--      3 id ('' = none)
-- Answer 1, or 0 if the letter is not there any more (nothing was changed).
-- The job starts anew: what its id was charged before is forgotten.
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
	return 0
end
if ARGV[2] ~= '' then
	if ARGV[3] ~= '' then
		redis.call('HDEL', KEYS[3], ARGV[3])
	end
	redis.call('LPUSH', KEYS[2], ARGV[2])
end
return 1

-- note: what a running job lets us know: its record, an event, log lines.
--
-- KEYS 1 {Q}:leased:<worker>  2 {Q}:job:<id>  3 {Q}:log:<id>
-- ARGV 1 lease field  2 record ('' = leave it)  3 events channel
--      4 event ('' = none)  5 how many log entries may stay in all
--      6 payload that replaces the lease's ('' = leave it; it gives a job
--        without an id the one that it will keep)
--      then for each log entry two words: stream (stdout stderr log), line
-- Answer 1, or 0 if the lease is not ours any more (nothing was changed).
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
	return 0
end
if ARGV[6] ~= '' then
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[6])
end
if ARGV[2] ~= '' then
	redis.call('SET', KEYS[2], ARGV[2])
end
for i = 7, #ARGV, 2 do
	redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[5], '*',
		'stream', ARGV[i], 'line', ARGV[i + 1])
end
if ARGV[4] ~= '' then
	redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return 1

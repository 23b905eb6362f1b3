-- commit: end jobs for good. One call settles many; each stands alone.
--
-- KEYS 1 {Q}:leased:<worker>  2 {Q}:stats  3 {Q}:dead  4 {Q}:history
-- ARGV 1 prefix of records ("{Q}:job:")  2 prefix of logs ("{Q}:log:")
--      3 events channel  4 dead_max
--      then for each job: lease field, id ('' = no usable one, no record),
--      record, its life in ms, counter of {Q}:stats to raise, event ('' for
--      none), number of extras, and for each extra two words:
--        reply KEY      LPUSH the record there; it expires an hour later
--        dead JSON      dead letter, newest left, at most dead_max
--        history ''     forget the id's history
--        log ''         the log expires with the record
--        unique KEY     free the key if it still names this id
-- Answer: list of 1 (committed) or 0 (the lease is not ours any more: nothing
--      was changed for that job).
--
-- The lease's field is the right to commit, and it goes with the commit, so a
-- result is committed once. Dead letter and SET come first: a server that is
-- out of memory, or whose dead list is none, refuses before anything of that
-- job has changed; jobs before it in the call stay committed. What may fail
-- for a reason of the job's own (its reply key is no list) fails alone.
--
-- Redis refuses a script for want of memory only at its first write. So from
-- the second job on one HDEL both asks and takes, unless the job has extras.
local out, counts, i, n = {}, {}, 5, 0
local written = false

-- Writes the dead letters among the extras; the error if that is refused.
local function bury(first, last)
	for e = first, last, 2 do
		if ARGV[e] == 'dead' then
			local done = redis.pcall('LPUSH', KEYS[3], ARGV[e + 1])
			if type(done) == 'table' and done.err then
				return done
			end
			redis.call('LTRIM', KEYS[3], 0, ARGV[4] - 1)
		end
	end
end

while i <= #ARGV do
	local field, id, record, life = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local counter, event, extras = ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
	i = i + 7
	n = n + 1
	local at_once = written and extras == 0
	out[n] = redis.call(at_once and 'HDEL' or 'HEXISTS', KEYS[1], field)
	local refused = out[n] == 1 and bury(i, i + 2 * extras - 1)
	if refused then
		out = refused
		break
	end
	if out[n] == 1 then
		if id ~= '' then
			redis.call('SET', ARGV[1] .. id, record, 'PX', life)
		end
		counts[counter] = (counts[counter] or 0) + 1
		if event ~= '' then
			redis.call('PUBLISH', ARGV[3], event)
		end
		for e = i, i + 2 * extras - 1, 2 do
			local what, value = ARGV[e], ARGV[e + 1]
			if what == 'reply' then
				if type(redis.pcall('LPUSH', value, record)) == 'number' then
					redis.call('PEXPIRE', value, 3600000)
				end
			elseif what == 'history' then
				redis.pcall('HDEL', KEYS[4], id)
			elseif what == 'log' then
				redis.call('PEXPIRE', ARGV[2] .. id, life)
			elseif what == 'unique' then
				if redis.pcall('GET', value) == id then
					redis.call('DEL', value)
				end
			end
		end
		if not at_once then
			redis.call('HDEL', KEYS[1], field)
			written = true
		end
	else
		counts['stale'] = (counts['stale'] or 0) + 1
	end
	i = i + 2 * extras
end
for counter, by in pairs(counts) do
	redis.pcall('HINCRBY', KEYS[2], counter, by)
end
return out

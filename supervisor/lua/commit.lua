-- commit: end jobs for good. One call settles many; each stands alone.
--
-- KEYS 1 {Q}:leased:<worker>  2 {Q}:stats  3 {Q}:dead  4 {Q}:history
-- ARGV 1 prefix of records ("{Q}:job:")  2 prefix of logs ("{Q}:log:")
--      3 events channel  4 dead_max
--      then for each job: lease field, id, record, its life in ms, counter of
--      {Q}:stats to raise, event ('' for none), number of extras, and for
--      each extra two words:
--        reply KEY      LPUSH the record there; it expires an hour later
--        dead JSON      dead letter, newest left, at most dead_max
--        history ''     forget the id's history
--        log ''         the log expires with the record
--        unique KEY     free the key if it still names this id
-- Answer: list of 1 (committed) or 0 (the lease is not ours any more: nothing
--      was changed for that job).
--
-- HDEL is the check and the deletion in one, so a result is committed once.
local out, counts, i, n = {}, {}, 5, 0
while i <= #ARGV do
	local field, id, record, life = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local counter, event, extras = ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
	i = i + 7
	n = n + 1
	out[n] = redis.call('HDEL', KEYS[1], field)
	if out[n] == 1 then
		redis.call('SET', ARGV[1] .. id, record, 'PX', life)
		counts[counter] = (counts[counter] or 0) + 1
		if event ~= '' then
			redis.call('PUBLISH', ARGV[3], event)
		end
		for e = i, i + 2 * extras - 1, 2 do
			local what, value = ARGV[e], ARGV[e + 1]
			if what == 'reply' then
				redis.call('LPUSH', value, record)
				redis.call('PEXPIRE', value, 3600000)
			elseif what == 'dead' then
				redis.call('LPUSH', KEYS[3], value)
				redis.call('LTRIM', KEYS[3], 0, ARGV[4] - 1)
			elseif what == 'history' then
				redis.call('HDEL', KEYS[4], id)
			elseif what == 'log' then
				redis.call('PEXPIRE', ARGV[2] .. id, life)
			elseif what == 'unique' then
				if redis.call('GET', value) == id then
					redis.call('DEL', value)
				end
			end
		end
	else
		counts['stale'] = (counts['stale'] or 0) + 1
	end
	i = i + 2 * extras
end
for counter, by in pairs(counts) do
	redis.call('HINCRBY', KEYS[2], counter, by)
end
return out

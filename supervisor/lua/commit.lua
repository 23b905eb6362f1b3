-- commit: end jobs for good. One call settles many; each stands alone.
--
-- KEYS 1 {Q}:leased:<worker>  2 {Q}:stats  3 {Q}:dead  4 {Q}:history
-- ARGV 1 prefix of records ("{Q}:job:")  2 prefix of logs ("{Q}:log:")
--      3 events channel  4 dead_max  5 life of a plain job's record in ms
--      then groups, in the order in which the jobs ended: how many plain
--      jobs follow, and those; how many others follow, and those.
--      A plain job is done and leaves nothing but its record and event:
--        lease field, id, record
--      Any other:
--        lease field, id ('' = no usable one, no record), record, its life
--        in ms, counter of {Q}:stats to raise, event ('' for none), number
--        of extras, and for each extra two words:
--          reply KEY      LPUSH the record there; it expires an hour later
--          dead JSON      dead letter, newest left, at most dead_max
--          history ''     forget the id's history
--          log ''         the log expires with the record
--          unique KEY     free the key if it still names this id
-- Answer: 1 if all were committed, else a list of 1 (committed) or 0 (the
--      lease is not ours any more: nothing was changed for that job).
--
-- The lease's field is the right to commit, and it goes with the commit, so a
-- result is committed once. Dead letter and SET come first: a server that is
-- out of memory, or whose dead list is none, refuses before anything of that
-- job has changed; jobs before it in the call stay committed. What may fail
-- for a reason of the job's own (its reply key is no list) fails alone.
--
-- Redis refuses a script for want of memory only at its first write. So from
-- the second job on one HDEL both asks and takes, unless the job has extras.
--
-- A plain job's event is what its record says before "type", and is made only
-- while somebody may hear it: a word less to read and a call less per job are
-- a sixth of what a job costs Redis. To ask costs as much as some six events.
local FEW = 8
local call, argv, leased = redis.call, ARGV, KEYS[1]
local records, events, life = ARGV[1], ARGV[3], ARGV[5]
local out, counts, n, stale = {}, {}, 0, 0
local written, heard, stamp = false, nil, nil

-- A replica's subscribers are not known here, so they count as there.
local function somebody_hears()
	local subs = redis.pcall('PUBSUB', 'NUMSUB', events)
	if subs.err or subs[2] ~= 0 or redis.pcall('PUBSUB', 'NUMPAT') ~= 0 then
		return true
	end
	local info = redis.pcall('INFO', 'replication')
	return type(info) ~= 'string' or
		not string.find(info, 'connected_slaves:0', 1, true)
end

local function tell(record)
	if heard == nil then
		heard = #argv < 3 * FEW or somebody_hears()
		local t = call('TIME')
		stamp = '{"v":1,"ts":' .. t[1] .. string.format('%03d',
			math.floor(t[2] / 1000)) .. ','
	end
	if heard then
		local known = string.find(record, ',"type":', 1, true)
		call('PUBLISH', events, stamp .. string.sub(record, 2, known - 1) .. '}')
	end
end

-- Writes the dead letters among the extras; the error if that is refused.
local function bury(first, last)
	for e = first, last, 2 do
		if argv[e] == 'dead' then
			local done = redis.pcall('LPUSH', KEYS[3], argv[e + 1])
			if type(done) == 'table' and done.err then
				return done
			end
			call('LTRIM', KEYS[3], 0, argv[4] - 1)
		end
	end
end

local function extra(what, value, id, record, its_life)
	if what == 'reply' then
		if type(redis.pcall('LPUSH', value, record)) == 'number' then
			call('PEXPIRE', value, 3600000)
		end
	elseif what == 'history' then
		redis.pcall('HDEL', KEYS[4], id)
	elseif what == 'log' then
		call('PEXPIRE', argv[2] .. id, its_life)
	elseif what == 'unique' then
		if redis.pcall('GET', value) == id then
			call('DEL', value)
		end
	end
end

-- One job that is not plain; where the next one begins, or nil and an error.
local function other(i)
	local field, id, record, its_life = argv[i], argv[i + 1], argv[i + 2], argv[i + 3]
	local counter, event, extras = argv[i + 4], argv[i + 5], tonumber(argv[i + 6])
	local first, last = i + 7, i + 6 + 2 * extras
	local at_once = written and extras == 0
	n = n + 1
	out[n] = call(at_once and 'HDEL' or 'HEXISTS', leased, field)
	if out[n] == 0 then
		stale = stale + 1
		return last + 1
	end
	local refused = bury(first, last)
	if refused then
		return nil, refused
	end
	if id ~= '' then
		call('SET', records .. id, record, 'PX', its_life)
	end
	counts[counter] = (counts[counter] or 0) + 1
	if event ~= '' then
		call('PUBLISH', events, event)
	end
	for e = first, last, 2 do
		extra(argv[e], argv[e + 1], id, record, its_life)
	end
	if not at_once then
		call('HDEL', leased, field)
		written = true
	end
	return last + 1
end

-- Plain jobs at [i, last]; how many were committed.
local function plain(i, last)
	local done = 0
	for k = i, last, 3 do
		local field, record = argv[k], argv[k + 2]
		local asked_first = not written
		n = n + 1
		out[n] = call(asked_first and 'HEXISTS' or 'HDEL', leased, field)
		if out[n] == 1 then
			call('SET', records .. argv[k + 1], record, 'PX', life)
			if asked_first then
				call('HDEL', leased, field)
				written = true
			end
			done = done + 1
			if heard ~= false then
				tell(record)
			end
		else
			stale = stale + 1
		end
	end
	return done
end

local i, failed = 6, nil
while not failed and i <= #argv do
	local last = i + 3 * argv[i]
	if last > i then
		counts.done = (counts.done or 0) + plain(i + 1, last)
	end
	i = last + 2
	for _ = 1, tonumber(argv[last + 1]) do
		i, failed = other(i)
		if failed then
			break
		end
	end
end
if stale > 0 then
	counts.stale = stale
end
for counter, by in pairs(counts) do
	if by > 0 then
		redis.pcall('HINCRBY', KEYS[2], counter, by)
	end
end
return failed or (stale == 0 and 1) or out

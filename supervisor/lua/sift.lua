-- sift: jobs among the next ones of the normal list that name another
-- priority go to their lane, bytes unchanged, in their order; and which of
-- the next ones have a ttl but no queued_at.
--
-- KEYS 1 Q  2 {Q}:high  3 {Q}:low
-- ARGV 1 how many of the next jobs to look at  2 largest payload to look into
-- Answer { how many moved, id ... }: the ids of those with such a ttl
--
-- Looks at no more than 4 MiB in all. A payload that is larger than the
-- limit, or that hides its priority behind escapes, is moved when it is
-- claimed instead. Where a lane is no list, its jobs stay.
local jobs, bytes = {}, 0
for i = 1, tonumber(ARGV[1]) do
	local job = redis.call('LINDEX', KEYS[1], -i)
	if not job then
		break
	end
	jobs[i] = job
	bytes = bytes + #job
	if bytes > 4194304 then
		break
	end
end
local keep, moved, seen = {}, 0, { 0 }
local lists = { high = KEYS[2], low = KEYS[3] }

local function has(job, word)
	return string.find(job, word, 1, true)
end

-- What may matter about a job; nil: nothing.
local function read(job)
	if #job > tonumber(ARGV[2]) then
		return nil
	end
	local ttl = (has(job, '"ttl"') or has(job, '\163ttl')) and
		not has(job, 'queued_at')
	if not ttl and not (has(job, 'priority') and
		(has(job, 'high') or has(job, 'low'))) then
		return nil
	end
	local decode = string.byte(job, 1) > 127 and cmsgpack.unpack or cjson.decode
	local ok, value = pcall(decode, job)
	return ok and type(value) == 'table' and value or nil
end

for i = 1, #jobs do
	local job = read(jobs[i])
	if job and job.ttl and type(job.id) == 'string' and #job.id <= 128 then
		seen[#seen + 1] = job.id
	end
	local list = job and lists[job.priority]
	local pushed = list and redis.pcall('LPUSH', list, jobs[i])
	if type(pushed) == 'number' then
		moved = moved + 1
	else
		keep[#keep + 1] = jobs[i]
	end
end
if moved > 0 then
	redis.call('LTRIM', KEYS[1], 0, -(#jobs + 1))
	for i = #keep, 1, -1 do
		redis.call('RPUSH', KEYS[1], keep[i])
	end
end
seen[1] = moved
return seen

-- sift: jobs among the next ones of the normal list that name another
-- priority go to their lane, bytes unchanged, in their order.
--
-- KEYS 1 Q  2 {Q}:high  3 {Q}:low
-- ARGV 1 how many of the next jobs to look at  2 largest payload to look into
-- Answer how many moved.
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
local keep, moved = {}, 0
local lists = { high = KEYS[2], low = KEYS[3] }

local function lane_of(job)
	if #job > tonumber(ARGV[2]) or not string.find(job, 'priority', 1, true) then
		return nil
	end
	if not (string.find(job, 'high', 1, true) or string.find(job, 'low', 1, true)) then
		return nil
	end
	local decode = string.byte(job, 1) > 127 and cmsgpack.unpack or cjson.decode
	local ok, value = pcall(decode, job)
	return ok and type(value) == 'table' and lists[value.priority] or nil
end

for i = 1, #jobs do
	local list = lane_of(jobs[i])
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
return moved

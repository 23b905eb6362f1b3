-- claim: take up to `want` jobs from the lanes of one queue, under a lease.
--
-- KEYS 1 Q  2 {Q}:high  3 {Q}:low  4 {Q}:leased:<worker>  5 {Q}:leases
--      6 {Q}:history
-- ARGV 1 token  2 worker  3 lease ms  4 5 6 how many of this call's turns
--      belong to high, normal, low (their sum is `want`)  7 1: no lane gives
--      its turns to another
--      and only for a queue with limits: KEYS 7 {Q}:rate  ARGV 8 how many jobs
--      may be leased in all (0: any number)  9 what the keys of leases begin
--      with  10 microseconds per job (0: any rate)  11 how many may come at
--      once  12 the lanes of the turns in order, a digit 0 1 2 for each
-- Answer { now ms, history, lane, payload, lane, payload ... }
--      history is 1 if any job of the queue has one (then look the ids up);
--      plus 2 if the high lane is known to be empty now;
--      plus 4 if the limit on leases left less than `want`, plus 8 times the
--      ms to wait if the rate did;
--      lane is 0 high, 1 normal, 2 low, in the order in which jobs were taken.
--      The i-th job's lease is the field "<token>:<i>".
--
-- The ZADD comes first, and with XX adds nothing new: a server that is out
-- of memory refuses it before any job has left its list. A lane that is no
-- list counts as empty while the others have jobs; where the leases' key is no
-- hash, the jobs go back to where they were.
--
-- A lane that has less than its turns gives them to the others, high first.
local call, try, token = redis.call, redis.pcall, ARGV[1] .. ':'
local t = call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lists = { KEYS[2], KEYS[1], KEYS[3] }
local quota = { tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) }
local out, fields, got = { now, 0 }, {}, 0
local known = call('ZADD', KEYS[5], 'XX', 'CH', now + ARGV[3], ARGV[2])
local want = quota[1] + quota[2] + quota[3]
local dry, refused = {}, nil

-- Without the printf that Lua turns a number into text with.
local digit = { [0] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }
local function field(number)
	if number > 99 then
		return token .. number
	elseif number > 9 then
		local one = number % 10
		return token .. digit[(number - one) / 10] .. digit[one]
	end
	return token .. digit[number]
end

local function take(lane, n)
	if n < 1 or dry[lane] then
		return
	end
	local jobs = try('RPOP', lists[lane], n)
	if not jobs or jobs.err then
		refused = refused or jobs or nil
		dry[lane] = true
		return
	end
	for i = 1, #jobs do
		got = got + 1
		fields[2 * got - 1] = field(got)
		fields[2 * got] = jobs[i]
		out[2 * got + 1] = lane - 1
		out[2 * got + 2] = jobs[i]
	end
	if #jobs < n then
		dry[lane] = true
	end
end

-- {Q}:rate is the microsecond at which the next job is due; it lags behind by
-- what may come at once.
local due, each
local function limit()
	local room, leased = want, tonumber(ARGV[8])
	if leased > 0 then
		for _, worker in ipairs(call('ZRANGE', KEYS[5], 0, -1)) do
			leased = leased - call('HLEN', ARGV[9] .. worker)
		end
		if leased < room then
			room = math.max(leased, 0)
			out[2] = 4
		end
	end
	each = tonumber(ARGV[10])
	if each > 0 then
		local us = t[1] * 1000000 + t[2]
		due = math.max(tonumber(call('GET', KEYS[7]) or '0'),
			us - each * (ARGV[11] - 1))
		local n = math.max(math.floor((us - due) / each) + 1, 0)
		if n < room then
			room = n
			out[2] = out[2] + 8 * math.ceil((due + n * each - us) / 1000)
		end
	end
	if room < want then
		want, quota = room, { 0, 0, 0 }
		for i = 1, room do
			local lane = tonumber(string.sub(ARGV[12], i, i)) + 1
			quota[lane] = quota[lane] + 1
		end
	end
end

if ARGV[8] then
	limit()
end
for lane = 1, 3 do
	take(lane, quota[lane])
end
for lane = 1, 3 do
	if ARGV[7] ~= '1' then
		take(lane, want - got)
	end
end
if dry[1] or quota[1] > 0 and call('EXISTS', KEYS[2]) == 0 then
	out[2] = out[2] + 2
end
if got == 0 then
	return refused or out
end
-- unpack has a limit of some thousands
for i = 1, 2 * got, 4000 do
	local set = try('HSET', KEYS[4],
		unpack(fields, i, math.min(i + 3999, 2 * got)))
	if type(set) == 'table' and set.err then
		for k = got, 1, -1 do
			call('RPUSH', lists[out[2 * k + 1] + 1], out[2 * k + 2])
		end
		return set
	end
end
if known == 0 then
	call('ZADD', KEYS[5], now + ARGV[3], ARGV[2])
end
if due then
	due = due + got * each
	call('SET', KEYS[7], string.format('%.0f', due), 'PX',
		math.ceil(math.max(due / 1000 - now, 0)) + 60000)
end
out[2] = out[2] + call('EXISTS', KEYS[6])
return out

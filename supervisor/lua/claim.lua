-- claim: take up to `want` jobs from the lanes of one queue, under a lease.
--
-- KEYS 1 Q  2 {Q}:high  3 {Q}:low  4 {Q}:leased:<worker>  5 {Q}:leases
--      6 {Q}:history
-- ARGV 1 token  2 worker  3 lease ms  4 5 6 how many of this call's turns
--      belong to high, normal, low (their sum is `want`)  7 1: no lane gives
--      its turns to another
-- Answer { now ms, history, lane, payload, lane, payload ... }
--      history is 1 if any job of the queue has one (then look the ids up);
--      lane is 0 high, 1 normal, 2 low, in the order in which jobs were taken.
--      The i-th job's lease is the field "<token>:<i>".
--
-- The ZADD comes first, and with XX changes nothing new: a server that is out
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
call('ZADD', KEYS[5], 'XX', now + ARGV[3], ARGV[2])
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

for lane = 1, 3 do
	take(lane, quota[lane])
end
for lane = 1, 3 do
	if ARGV[7] ~= '1' then
		take(lane, want - got)
	end
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
call('ZADD', KEYS[5], now + ARGV[3], ARGV[2])
out[2] = call('EXISTS', KEYS[6])
return out

-- reap: take over leases whose worker let them run out, and those that former
-- runs of this worker left, as leases of ours.
--
-- KEYS 1 {Q}:leases  2 {Q}:leased:<me>  3 {Q}:history  4 ai:worker:<me>
-- ARGV 1 me  2 token ("<run>-<number>")  3 lease ms  4 at most how many jobs
--      5 prefix of leases ("{Q}:leased:")  6 this run's mark, as in beat
-- Answer { now ms, history, worker, payload, worker, payload ... }; the i-th
--      job's lease is now the field "<token>:<i>" of ours.
--
-- What other runs hold under our id is taken whatever its end, but only by the
-- run that has the id now: the last call of a dead run may arrive at any time.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local run = string.match(ARGV[2], '^[^-]*-') or ARGV[2]
local out, n, max = { now, 0 }, 0, tonumber(ARGV[4])

local function take(worker)
	local key = ARGV[5] .. worker
	local keys = redis.call('HKEYS', key)
	for i = 1, #keys do
		if n >= max then
			return
		end
		-- never what this run itself holds
		if worker ~= ARGV[1] or string.sub(keys[i], 1, #run) ~= run then
			local job = redis.call('HGET', key, keys[i])
			n = n + 1
			redis.call('HSET', KEYS[2], ARGV[2] .. ':' .. n, job)
			redis.call('HDEL', key, keys[i])
			out[2 * n + 1] = worker
			out[2 * n + 2] = job
		end
	end
	if worker ~= ARGV[1] then
		redis.call('ZREM', KEYS[1], worker)
	end
end

local status = redis.call('GET', KEYS[4])
if status and string.find(status, ARGV[6], 1, true) then
	take(ARGV[1])
end
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16)
for i = 1, #over do
	if over[i] ~= ARGV[1] then
		take(over[i])
	end
end
if n > 0 then
	redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
	out[2] = redis.call('EXISTS', KEYS[3])
end
return out

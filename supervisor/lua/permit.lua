-- permit: may one more job of a handler, and with a model, start?
--
-- KEYS for each limit two: 1 hash of those that run  2 time of the next start
-- ARGV 1 the job's lease: "<leases key> <field>"  2 1: its turn was waited for
--      then for each limit three: how many may run (0: any number),
--      microseconds per job (0: any rate), how many may start at once
-- Answer 0: it may, and counts as running; ms > 0: its turn is then, and is
--      kept for it; -1: as many run as may.
--
-- Nobody says when a job ends: whose lease is gone runs no more. So what a
-- crash leaves is counted no longer than its leases.
local call = redis.call
local t = call('TIME')
local us = t[1] * 1000000 + t[2]

local function is_full(key, max)
	if call('HLEN', key) < max then
		return false
	end
	local held = call('HKEYS', key)
	for i = 1, #held do
		local leases, field = string.match(held[i], '^(.*) ([^ ]*)$')
		if call('HEXISTS', leases, field) == 0 then
			call('HDEL', key, held[i])
		end
	end
	return call('HLEN', key) >= max
end

for i = 1, #KEYS / 2 do
	local max = tonumber(ARGV[3 * i])
	if max > 0 and is_full(KEYS[2 * i - 1], max) then
		return -1
	end
end
local latest = 0
for i = 1, #KEYS / 2 do
	local each = tonumber(ARGV[3 * i + 1])
	if each > 0 and ARGV[2] ~= '1' then
		local due = math.max(tonumber(call('GET', KEYS[2 * i]) or '0'),
			us - each * (ARGV[3 * i + 2] - 1))
		latest = math.max(latest, due - us)
		due = due + each
		call('SET', KEYS[2 * i], string.format('%.0f', due), 'PX',
			math.ceil(math.max(due - us, 0) / 1000) + 60000)
	end
end
if latest > 0 then
	return math.ceil(latest / 1000)
end
for i = 1, #KEYS / 2 do
	if tonumber(ARGV[3 * i]) > 0 then
		call('HSET', KEYS[2 * i - 1], ARGV[1], 1)
	end
end
return 0

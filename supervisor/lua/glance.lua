-- glance: how much lies in a queue, and what its oldest jobs are.
--
-- KEYS 1 Q  2 {Q}:high  3 {Q}:low  4 {Q}:delayed  5 {Q}:leases  6 {Q}:dead
-- ARGV 1 what the keys of leases begin with, {Q}:leased:
--      2 how many bytes of a job are worth reading
-- Answer { now ms, high, normal, low, delayed, leased, dead,
--      then the oldest job of high, normal, low: '' where there is none, or
--      one that is longer }
-- Reads only. A key of another type counts as empty.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)

local function ask(...)
	local r = redis.pcall(...)
	if type(r) == 'table' and r.err then
		return nil
	end
	return r
end

local function oldest(key)
	local job = ask('LINDEX', key, -1)
	if not job or #job > tonumber(ARGV[2]) then
		return ''
	end
	return job
end

local leased = 0
for _, worker in ipairs(ask('ZRANGE', KEYS[5], 0, -1) or {}) do
	leased = leased + (ask('HLEN', ARGV[1] .. worker) or 0)
end
return { now, ask('LLEN', KEYS[2]) or 0, ask('LLEN', KEYS[1]) or 0,
	ask('LLEN', KEYS[3]) or 0, ask('ZCARD', KEYS[4]) or 0, leased,
	ask('LLEN', KEYS[6]) or 0, oldest(KEYS[2]), oldest(KEYS[1]),
	oldest(KEYS[3]) }

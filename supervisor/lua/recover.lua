-- recover: what a claim took whose answer never arrived.
--
-- KEYS 1 {Q}:leased:<worker>  2 {Q}:leases  3 {Q}:history
-- ARGV 1 token of that claim  2 how many it asked for  3 worker  4 lease ms
-- Answer as claim's, with the lane always 1 and one more element at the end:
--      the list of the numbers i (of "<token>:<i>") in the same order.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local out, at, n = { now, redis.call('EXISTS', KEYS[3]) }, {}, 0
for i = 1, tonumber(ARGV[2]) do
	local job = redis.call('HGET', KEYS[1], ARGV[1] .. ':' .. i)
	if job then
		n = n + 1
		out[2 * n + 1] = 1
		out[2 * n + 2] = job
		at[n] = i
	end
end
if n > 0 then
	redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
end
out[2 * n + 3] = at
return out

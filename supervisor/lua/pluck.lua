-- pluck: take one waiting job by its id, under a lease, to cancel it.
--
-- KEYS 1 a lane or {Q}:delayed  2 {Q}:leased:<worker>  3 {Q}:leases
--      4 {Q}:history
-- ARGV 1 id  2 token  3 worker  4 lease ms  5 position to begin at, from the
--      left of a list or the lowest score  6 how many elements to look at
--      7 largest payload to look into
-- Answer { now ms, next, payload ... }: next is the position to go on at, -1
--      at the end, or -2 if the job was taken; its payload follows, and its
--      lease is the field "<token>:1".
--
-- A lane grows at its left, so positions counted from there only move away
-- from the beginning: a search in parts passes no job by. Whoever takes the
-- job must end it: the mark in its history has any other worker that should
-- get the lease (the taker died) cancel it too.
local id, first = ARGV[1], tonumber(ARGV[5])
local last = first + ARGV[6] - 1
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok

local function payload_of(element)
	if kind == 'zset' then
		return string.match(element, '^[hnl]:[^{}:]*:%d+:(.*)$') or element
	end
	return element
end

local function is_job(payload)
	if #payload > tonumber(ARGV[7]) or not string.find(payload, id, 1, true) then
		return false
	end
	local decode = string.byte(payload, 1) > 127 and cmsgpack.unpack or cjson.decode
	local ok, value = pcall(decode, payload)
	return ok and type(value) == 'table' and value.id == id
end

local function take(element)
	redis.call('ZADD', KEYS[3], 'XX', now + ARGV[4], ARGV[3])
	redis.call('HSET', KEYS[2], ARGV[2] .. ':1', payload_of(element))
	if kind == 'zset' then
		redis.call('ZREM', KEYS[1], element)
	else
		redis.call('LREM', KEYS[1], -1, element)
	end
	redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[3])
	local history = redis.call('HGET', KEYS[4], id) or 'a0 l0 d0 f0 c0'
	redis.call('HSET', KEYS[4], id, (string.gsub(history, 'c%d+', 'c1')))
	return { now, -2, payload_of(element) }
end

if kind ~= 'list' and kind ~= 'zset' then
	return { now, -1 }
end
-- in parts: a chunk of large jobs is not held in memory at once
for at = first, last, 64 do
	local part = redis.call(kind == 'zset' and 'ZRANGE' or 'LRANGE',
		KEYS[1], at, math.min(at + 63, last))
	for i = 1, #part do
		if is_job(payload_of(part[i])) then
			return take(part[i])
		end
	end
	if #part < math.min(64, last - at + 1) then
		return { now, -1 }
	end
end
return { now, last + 1 }

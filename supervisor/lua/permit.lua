-- permit: may one more job of a handler, and with a model, start?
--
-- KEYS for each limit three: 1 hash of those that run  2 the end of the turns
--      that were given, unix us  3 hash of what passes between the lanes
-- ARGV 1 the job's lease: "<leases key> <field>"  2 1: of high priority
--      3 4 of so many turns with others waiting, so many are high's at most:
--      first the part, then the whole  5 ms that a refused one counts as waiting
--      then for each limit four: how many may run (0: any number),
--      microseconds per job (0: any rate), how many may start at once, the
--      turn that it was given before ('0': none; '1': whatever it was, it came)
-- Answer 0: it may, and counts as running; -1: as many run as may, or others
--      come first; { ms, turn, ... }: come back then with these turns.
--
-- Nobody says when a job ends: whose lease is gone runs no more. So what a
-- crash leaves is counted no longer than its leases.
--
-- A turn of others than high is not a time, but one less all that high ones
-- have gone ahead by (`shift`): one of high takes the next turn there is, and
-- those behind it move by one. A turn that had come before that (`since`), with
-- the shift of then (`before`), stays. In a time of as many turns as the
-- whole, high takes no more than its part.
local call = redis.call
local t = call('TIME')
local us = t[1] * 1000000 + t[2]
local high, part, whole = ARGV[2] == '1', tonumber(ARGV[3]), tonumber(ARGV[4])
local mine, theirs = 'others', 'high'
if high then
	mine, theirs = theirs, mine
end

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

local function get(key, ...)
	local v = call('HMGET', key, ...)
	for i = 1, #v do
		v[i] = tonumber(v[i] or '0')
	end
	return unpack(v)
end

-- What passes between the lanes is kept for longer than the turns.
local function keep(key, rate)
	call('PEXPIRE', key, 86400000 + math.max(call('PTTL', rate), 0))
end

local function text(n)
	return string.format('%.0f', n)
end

-- There is room, but the other kind waits, and it is its turn.
local function yields(key)
	local waits, given = get(key, theirs, 'given')
	if waits < us then
		return false
	elseif high then
		return given >= part
	end
	return given < part
end

-- given: to high while others waited; let: to others since that was its part.
local function count(key)
	local waits, given, let = get(key, theirs, 'given', 'let')
	if high then
		call('HDEL', key, mine) -- whoever else waits says so soon
	end
	if waits < us then
		call('HDEL', key, 'given', 'let')
	elseif high then
		call('HINCRBY', key, 'given', 1)
	elseif given >= part and let + 1 < whole - part then
		call('HINCRBY', key, 'let', 1)
	elseif given >= part then
		call('HDEL', key, 'given', 'let')
	end
end

-- The wait in us, and the turn to come back with.
local function take_turn(key, lanes, each, burst, kept)
	local shift, before, since, behind, from, taken = get(lanes, 'shift',
		'before', 'since', 'behind', 'from', 'taken')
	if kept > 0 then
		local at = kept == 1 and us or kept + shift
		if at <= us or kept + before <= since then
			return 0, kept
		end
		return at - us, kept
	end
	local stop = math.max(tonumber(call('GET', key) or '0'),
		us - each * (burst - 1))
	local function give(n)
		stop = stop + n
		call('SET', key, text(stop), 'PX',
			math.ceil(math.max(stop - us, 0) / 1000) + 60000)
		if shift > 0 then
			keep(lanes, key)
		end
	end
	if stop <= us then
		give(each)
		return 0, 1
	elseif not high then
		local turn = stop - shift
		give(each)
		return turn + shift - us, turn
	end
	if us >= from + whole * each then
		from, taken = us, 0
	elseif taken >= part then
		return from + whole * each - us, 0
	end
	local at = math.max(us, behind)
	if at < stop then
		at = stop - math.floor((stop - at) / each) * each
	end
	call('HSET', lanes, 'shift', text(shift + each), 'before', text(shift),
		'since', text(us), 'behind', text(at + each),
		'from', text(from), 'taken', taken + 1)
	shift = shift + each
	stop = math.max(stop, at)
	give(each)
	return at - us, 1
end

for i = 1, #KEYS / 3 do
	local max, lanes = tonumber(ARGV[4 * i + 2]), KEYS[3 * i]
	if max > 0 and (is_full(KEYS[3 * i - 2], max) or yields(lanes)) then
		call('HSET', lanes, mine, text(us + 1000 * ARGV[5]))
		keep(lanes, KEYS[3 * i - 1])
		return -1
	end
end
local latest, turns = 0, {}
for i = 1, #KEYS / 3 do
	local each, wait = tonumber(ARGV[4 * i + 3]), 0
	turns[i] = 0
	if each > 0 then
		wait, turns[i] = take_turn(KEYS[3 * i - 1], KEYS[3 * i], each,
			tonumber(ARGV[4 * i + 4]), tonumber(ARGV[4 * i + 5]))
	end
	latest = math.max(latest, wait)
end
if latest > 0 then
	local answer = { math.ceil(latest / 1000) }
	for i = 1, #turns do
		answer[i + 1] = text(turns[i])
	end
	return answer
end
for i = 1, #KEYS / 3 do
	if tonumber(ARGV[4 * i + 2]) > 0 then
		call('HSET', KEYS[3 * i - 2], ARGV[1], 1)
		count(KEYS[3 * i])
	end
end
return 0

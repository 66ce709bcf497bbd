import { Script } from "./script.js";

/** The time of Redis, in ms. */
const now = `local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`;

/**
 * How much longer than twice its entries a log's number is kept, in ms: well beyond the time between the
 * looks of those who follow it, who take a log with another number for another log.
 */
const numberLifetime = 60_000;

/** Beyond it, doubles do not hold all numbers. */
const largestNumber = 2 ** 53 - 2 ** 32;

/**
 * The number of the log's last entry, made when there is none, or something that is none of ours: from the
 * time in microseconds, so that it cannot be taken for one of a log that was here before. Doubles hold it
 * exactly.
 */
const lastNumber = `local function last_number(key)
  local number = redis.call('GET', key)
  if number and string.find(number, '^%d+$') and tonumber(number) < ${largestNumber} then
    return tonumber(number)
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function keep_number(key, number, retention)
  local text = string.format('%.0f', number)
  if retention > 0 then redis.call('SET', key, text, 'PX', retention * 2 + ${numberLifetime})
  else redis.call('SET', key, text) end
  return text
end
`;

/** The ids of one ms that a log can give, before it goes on with the next. */
const idsPerMs = 4096;
/** How many kinds of ids there are. */
export const idKinds = 2 ** 20;

/**
 * Adds an entry under an id of the log's kind, after all others: the id that a client got last is that of
 * one channel only, though several were broadcast to in the same ms. Goes on from the last id where that
 * is ahead, as the clock was set back, or as there were more in one ms.
 */
const addEntry = `local time = now()
local function add(number, kind, trim, event, data)
  local sequence = number % ${idsPerMs} * ${idKinds} + kind
  local function try()
    local id = string.format('%.0f-%.0f', time, sequence)
    local text = string.format('%.0f', number)
    if trim > 0 then
      return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', trim, id, 'n', text, 'e', event, 'd', data)
    end
    return redis.pcall('XADD', KEYS[1], id, 'n', text, 'e', event, 'd', data)
  end
  local function is_behind(reply)
    return type(reply) == 'table' and reply.err and string.find(reply.err, 'equal or smaller', 1, true)
  end
  local reply = try()
  if not is_behind(reply) then return reply end
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for field = 1, #info, 2 do
    if info[field] == 'last-generated-id' then time = tonumber(string.match(info[field + 1], '^%d+')) end
  end
  reply = try()
  if not is_behind(reply) then return reply end
  time = time + 1
  return try()
end
`;

/**
 * Appends what is not in the log yet. A producer numbers what it appends; the number of the last one
 * that was written stands beside the log, so that what is sent again is not written again. Where an
 * earlier batch is missing, nothing is written: what is sent again comes in order.
 *
 * KEYS: stream, number of its last entry, what this producer wrote last.
 * ARGV: number of the first event, number of the last one that is known to be written or given up,
 * how long to remember the producer (ms), most entries, how long to keep entries (ms), the kind of the
 * log's ids, then name and data of each. 0 for the limits is none. Returns the number of the last event that
 * is written; an error where that is none of these.
 */
export const appendScript = new Script(`${now}${lastNumber}${addEntry}
local first, settled = tonumber(ARGV[1]), tonumber(ARGV[2])
local most, retention, kind = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local written = math.max(tonumber(redis.call('GET', KEYS[3]) or 0), settled)
if first > written + 1 then return redis.error_reply('ORDER an earlier batch is missing') end
local number = last_number(KEYS[2])
local before, failure = written, nil
for at = 7, #ARGV, 2 do
  local event = first + (at - 7) / 2
  if event > written then
    local reply = add(number + 1, kind, most, ARGV[at], ARGV[at + 1])
    if type(reply) == 'table' and reply.err then failure = reply break end
    number, written = number + 1, event
  end
end
if written > before then
  keep_number(KEYS[2], number, retention)
  redis.call('SET', KEYS[3], string.format('%.0f', written), 'PX', ARGV[3])
  if retention > 0 then
    redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', math.max(0, now() - retention)))
    redis.call('PEXPIRE', KEYS[1], retention)
  end
end
if failure and written < first then return failure end
return written
`);

/**
 * Where logs end. KEYS: stream and number of its last entry, of each. ARGV: how long to keep entries.
 * Returns of each the last id, the last number, how many entries there are, and the time; an error in place
 * of the id where the key is no stream.
 */
export const endScript = new Script(`${now}${lastNumber}
local retention, time = tonumber(ARGV[1]), now()
local ends = {}
for at = 1, #KEYS, 2 do
  local id, number, length = '0-0', '0', 0
  local info = redis.pcall('XINFO', 'STREAM', KEYS[at])
  local kind = redis.call('TYPE', KEYS[at + 1]).ok
  if info.err and not string.find(info.err, 'no such key', 1, true) then id = info.err
  elseif kind ~= 'string' and kind ~= 'none' then id = 'WRONGTYPE ' .. KEYS[at + 1] .. ' is a ' .. kind
  else number = keep_number(KEYS[at + 1], last_number(KEYS[at + 1]), retention) end
  if not info.err then
    for field = 1, #info, 2 do
      if info[field] == 'last-generated-id' then id = info[field + 1] end
      if info[field] == 'length' then length = info[field + 1] end
    end
  end
  ends[#ends + 1] = {id, number, length, time}
end
return ends
`);

/**
 * Notes how many sessions a process has, and adds up all. KEYS: hash. ARGV: process, its sessions, how
 * long that holds (ms). By the time of Redis alone: the clocks of servers differ, and jump.
 * Returns sessions, processes.
 */
export const presenceScript = new Script(`${now}
local time = now()
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. string.format('%.0f', time + tonumber(ARGV[3])))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
local sessions, processes = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local count, expiry = string.match(all[at + 1], '^(%d+):(%d+)$')
  if count and tonumber(expiry) > time then
    sessions, processes = sessions + tonumber(count), processes + 1
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return {sessions, processes}
`);

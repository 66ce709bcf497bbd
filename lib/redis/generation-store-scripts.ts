import { producerLost } from "../streaming/generations/store.js";
import { Script } from "./script.js";

/**
 * How a generation is kept. All its keys have one hash tag, so that a Cluster has them in one slot:
 *
 * - the hash of its id: `run`, `info` (JSON), `state` (running, ended, lost), `count` (of parts),
 *   `lease` (until when, in ms of Redis' clock), `leaseMs`, `ttl`, `owner` (whose control stream
 *   hears of a stop), `stop`, `report` (JSON)
 * - the stream of its run: an entry for each `append`, with `n`, the number of its first part, and
 *   `parts` (JSON)
 * - a control stream for each store, whose entries say what to `stop`, or just wake it
 *
 * The names of the last two are made from what they begin with, as a script finds the run's or the
 * owner's name in the hash.
 */
export interface Keys {
  /** Of the hash. */
  id: string;
  /** What the keys of runs' streams begin with. */
  runs: string;
  /** What the keys of control streams begin with. */
  control: string;
}

/**
 * For how many ms the parts of a run are there for those who follow it in other processes, after it
 * has ended or another one has taken its id.
 */
const linger = 30_000;

/**
 * What each script begins with. The first write of a script is one that a full Redis refuses, where
 * nothing may be done by half. `current()` is the latest run of the id. Where its lease has run
 * out, that ends it, with the same part for whoever notices first and all others.
 */
const prelude = `
local id, runs, control = KEYS[1], KEYS[2], KEYS[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function finish(run, state)
  redis.call('HSET', id, 'state', state)
  redis.call('PEXPIRE', id, math.max(run.ttl, 1))
  redis.call('PEXPIRE', runs .. run.run, math.max(run.ttl, ${linger}))
  run.state = state
end
local function lose(run)
  redis.call('XADD', runs .. run.run, '*', 'n', run.count, 'parts', [==[${JSON.stringify([producerLost])}]==])
  redis.call('HSET', id, 'count', run.count + 1)
  run.count = run.count + 1
  finish(run, 'lost')
end
local function extend(run)
  redis.call('HSET', id, 'lease', now + run.leaseMs)
  run.left = run.leaseMs
end
local function keep(run)
  redis.call('PEXPIRE', id, run.leaseMs + run.ttl)
  redis.call('PEXPIRE', runs .. run.run, run.leaseMs + math.max(run.ttl, ${linger}))
end
local function current()
  local has = redis.call('HMGET', id, 'run', 'state', 'count', 'lease', 'leaseMs', 'ttl', 'stop')
  local run = {
    run = has[1], state = has[2], count = tonumber(has[3] or ''), left = tonumber(has[4] or ''),
    leaseMs = tonumber(has[5] or ''), ttl = tonumber(has[6] or ''), stop = has[7] and 1 or 0,
  }
  if not (run.run and run.state and run.count and run.left and run.leaseMs and run.ttl) then
    return nil
  end
  if run.state ~= 'running' then return run end
  run.left = run.left - now
  -- The clock was set back: from now on, by the new one.
  if run.left > run.leaseMs then extend(run) end
  if run.left <= 0 then lose(run) end
  return run
end
`;

/** ARGV: run, info, leaseMs, ttl, owner. 1 when the id is the run's, else 0. */
export const createRun = new Script(`${prelude}
local old = current()
if old and old.run == ARGV[1] then return old.state == 'running' and 1 or 0 end
if old and old.state == 'running' then return 0 end
local run = {run = ARGV[1], leaseMs = tonumber(ARGV[3]), ttl = tonumber(ARGV[4])}
redis.call('HSET', id, 'run', run.run, 'info', ARGV[2], 'state', 'running', 'count', 0,
  'lease', now + run.leaseMs, 'leaseMs', run.leaseMs, 'ttl', run.ttl, 'owner', ARGV[5])
redis.call('HDEL', id, 'stop', 'report')
if old then redis.call('PEXPIRE', runs .. old.run, ${linger}) end
keep(run)
return 1
`);

/**
 * ARGV: run, number of the first part, count of parts, 1 when the last one is terminal, parts.
 * 0 when the lease is lost, 1 when they are in, 2 when a stop was asked for as well.
 */
export const appendParts = new Script(`${prelude}
local run = current()
if not run or run.run ~= ARGV[1] or run.state == 'lost' then return 0 end
local first, count = tonumber(ARGV[2]), tonumber(ARGV[3])
-- Sent twice, as its connection broke.
if run.count >= first + count then return 1 end
if run.state ~= 'running' or run.count ~= first then return 0 end
redis.call('XADD', runs .. run.run, '*', 'n', first, 'parts', ARGV[5])
redis.call('HSET', id, 'count', first + count, 'lease', now + run.leaseMs)
if ARGV[4] == '1' then finish(run, 'ended') elseif first == 0 then keep(run) end
return 1 + run.stop
`);

/** ARGV: run. 0 when the lease is lost, 1 when it is good, 2 when a stop was asked for as well. */
export const renewLease = new Script(`${prelude}
local run = current()
if not run or run.run ~= ARGV[1] or run.state ~= 'running' then return 0 end
-- In this order: after the first write, a full Redis takes the others.
keep(run)
extend(run)
return 1 + run.stop
`);

/** ARGV: run. Ends it as lost, unless it has ended. */
export const abandonRun = new Script(`${prelude}
local run = current()
if run and run.run == ARGV[1] and run.state == 'running' then lose(run) end
return 1
`);

/** ARGV: run, report. */
export const endRun = new Script(`${prelude}
local run = current()
if run and run.run == ARGV[1] and run.state == 'ended' then redis.call('HSET', id, 'report', ARGV[2]) end
return 1
`);

/** Info and report of the id's latest run, or nothing. */
export const findRun = new Script(`${prelude}
if not current() then return nil end
return redis.call('HMGET', id, 'info', 'report')
`);

/**
 * ARGV: run, id of the entry to read on from, the most entries.
 * 1 while it runs, else 0; ms that the lease has left; count of parts, or -1 where only what lingers
 * of it is left; entries.
 */
export const readRun = new Script(`${prelude}
local run = current()
local read = redis.call('XREAD', 'COUNT', ARGV[3], 'STREAMS', runs .. ARGV[1], ARGV[2])
local entries = read and read[1] and read[1][2] or {}
if run and run.run == ARGV[1] then
  return {run.state == 'running' and 1 or 0, run.left, run.count, entries}
end
return {0, 0, -1, entries}
`);

/** ARGV: run. 1 when this is the first time that it is asked to stop while it runs, else 0. */
export const stopRun = new Script(`${prelude}
local run = current()
if not run or run.run ~= ARGV[1] or run.state ~= 'running' or run.stop == 1 then return 0 end
redis.call('HSET', id, 'stop', 1)
local owner = control .. redis.call('HGET', id, 'owner')
redis.call('XADD', owner, 'MAXLEN', '~', 1000, '*', 'stop', run.run)
redis.call('PEXPIRE', owner, ${linger})
return 1
`);

/** KEYS: a control stream. Wakes its reader. */
export const wakeReader = new Script(`
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'wake', 1)
return redis.call('PEXPIRE', KEYS[1], ${linger})
`);

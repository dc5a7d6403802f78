-- What all five scripts share; the text is put before each of them. KEYS[1] begins the name of every key.
--
--   job:<job>               hash: owner, seq, cancelled, slabs, per_slab, started, predicted, done:<stage>
--   ready:<stage>:<job>     list of units; active:<stage>:<owner> zset of jobs with ready units, by seq
--   done:<stage>:<job>      bitmap; failed:<job>, attempts:<job> hashes "<stage>:<unit>"
--   settled:<job>           hash slab -> packages done or failed; spoilt:<job> set of slabs with a failed package
--   blocked:<job>           set of slabs that cannot be stitched; going:<owner> set of jobs with slabs under way
--   hinted:<stage>          zset "<job> <unit>" -> when sent; leases:<stage> zset -> deadline
--   tokens:<stage>, holders:<stage>, began:<stage>
--                           hashes "<job> <unit>" -> the lease's token, the worker's name, when it was claimed
--   turns:<stage>           list of owners; epoch, count: what tokens are made of
local function key(...) return KEYS[1] .. table.concat({...}, ':') end
local function job_key(job) return key('job', job) end
local function member(job, unit) return job .. ' ' .. unit end
local function split(text) return string.match(text, '^(.*) (%d+)$') end
local function number(job, field) return tonumber(redis.call('HGET', job_key(job), field) or 0) end

local function push(job, stage, unit, side)
  redis.call(side, key('ready', stage, job), unit)
  local owner, seq = unpack(redis.call('HMGET', job_key(job), 'owner', 'seq'))
  redis.call('ZADD', key('active', stage, owner), seq, job)
end

local function settle_slab(job)
  if number(job, 'done:postprocess') + redis.call('SCARD', key('blocked', job)) == number(job, 'slabs') then
    push(job, 'finish', 0, 'RPUSH')
  end
end

local function settle_package(job, unit)
  local per_slab = number(job, 'per_slab')
  local slab = math.floor(unit / per_slab)
  if redis.call('HINCRBY', key('settled', job), slab, 1) < per_slab then return end
  redis.call('HINCRBY', job_key(job), 'predicted', 1)
  if redis.call('SISMEMBER', key('spoilt', job), slab) == 1 then
    redis.call('SADD', key('blocked', job), slab)
    settle_slab(job)
  else
    push(job, 'postprocess', slab, 'RPUSH')
  end
end

local function give_up(job, stage, unit, reason)
  redis.call('HSET', key('failed', job), stage .. ':' .. unit, reason)
  if stage == 'inference' then
    redis.call('SADD', key('spoilt', job), math.floor(unit / number(job, 'per_slab')))
    settle_package(job, unit)
  elseif stage == 'preprocess' or stage == 'postprocess' then
    if stage == 'preprocess' then redis.call('HINCRBY', job_key(job), 'predicted', 1) end
    redis.call('SADD', key('blocked', job), unit)
    settle_slab(job)
  end
end

local function take_back(job, stage, unit, most, reason)
  if tonumber(redis.call('HGET', key('attempts', job), stage .. ':' .. unit) or 0) >= most then
    give_up(job, stage, unit, reason)
    return
  end
  if stage == 'preprocess' then redis.call('HINCRBY', job_key(job), 'started', -1) end
  push(job, stage, unit, 'LPUSH')
end

local function is_held(stage, name, token)
  return redis.call('HGET', key('tokens', stage), name) == token
end

local function drop_lease(stage, name)
  redis.call('ZREM', key('leases', stage), name)
  redis.call('HDEL', key('tokens', stage), name)
  redis.call('HDEL', key('holders', stage), name)
  redis.call('HDEL', key('began', stage), name)
end

local function is_over(job)
  return redis.call('EXISTS', job_key(job)) == 0 or number(job, 'cancelled') == 1
end

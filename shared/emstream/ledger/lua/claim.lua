-- stage, job, unit, deadline, holder, epoch to begin with, now -> {answer, token, attempt}
local stage, job, unit, deadline, holder, epoch, now = unpack(ARGV)
local name = member(job, unit)
local was_hinted = redis.call('ZREM', key('hinted', stage), name)
if is_over(job) then return {'cancelled', '', 0} end
local is_leased = redis.call('ZSCORE', key('leases', stage), name)
if is_leased or redis.call('GETBIT', key('done', stage, job), unit) == 1
    or redis.call('HEXISTS', key('failed', job), stage .. ':' .. unit) == 1 then
  if was_hinted == 1 and stage == 'preprocess' then redis.call('HINCRBY', job_key(job), 'started', -1) end
  return {is_leased and 'leased' or 'done', '', 0}
end
if was_hinted == 0 then return {'stale', '', 0} end
local attempt = redis.call('HINCRBY', key('attempts', job), stage .. ':' .. unit, 1)
redis.call('SET', key('epoch'), epoch, 'NX')
local token = redis.call('GET', key('epoch')) .. '-' .. redis.call('INCR', key('count'))
redis.call('ZADD', key('leases', stage), deadline, name)
redis.call('HSET', key('tokens', stage), name, token)
redis.call('HSET', key('holders', stage), name, holder)
redis.call('HSET', key('began', stage), name, now)
return {'ok', token, attempt}

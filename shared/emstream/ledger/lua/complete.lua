-- stage, job, unit, token, verdict (done, failed, back), reason, slabs, per_slab, most attempts -> answer
local stage, job, unit, token, verdict, reason, slabs, per_slab, most = unpack(ARGV)
local name = member(job, unit)
if not is_held(stage, name, token) then return 'stale' end
drop_lease(stage, name)
if is_over(job) then return 'cancelled' end
if verdict == 'failed' then
  give_up(job, stage, unit, reason)
  return 'ok'
elseif verdict == 'back' then
  if reason == '' then redis.call('HINCRBY', key('attempts', job), stage .. ':' .. unit, -1) end
  take_back(job, stage, unit, tonumber(most), reason)
  return 'ok'
end
redis.call('SETBIT', key('done', stage, job), unit, 1)
redis.call('HINCRBY', job_key(job), 'done:' .. stage, 1)
if stage == 'plan' then
  redis.call('HSET', job_key(job), 'slabs', slabs, 'per_slab', per_slab)
  for slab = 0, slabs - 1 do push(job, 'preprocess', slab, 'RPUSH') end
elseif stage == 'preprocess' then
  local each = number(job, 'per_slab')
  for package = unit * each, (unit + 1) * each - 1 do push(job, 'inference', package, 'RPUSH') end
elseif stage == 'inference' then
  settle_package(job, unit)
elseif stage == 'postprocess' then
  settle_slab(job)
end
return 'ok'

-- stage, job, unit, token, deadline -> answer
local stage, job, unit, token, deadline = unpack(ARGV)
local name = member(job, unit)
if not is_held(stage, name, token) or redis.call('EXISTS', job_key(job)) == 0 then return 'stale' end
if number(job, 'cancelled') == 1 then return 'cancelled' end
redis.call('ZADD', key('leases', stage), deadline, name)
return 'ok'

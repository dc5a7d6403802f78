-- stage, now, window, run_ahead, has_room, most -> {"<job> <unit>", ...}
local stage, now = ARGV[1], ARGV[2]
local window, run_ahead, has_room, most = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])

-- An owner's slabs that are read and not yet predicted, and not yet stitched, are bounded.
local function may_read(owner)
  local unpredicted, unstitched = 0, 0
  for _, job in ipairs(redis.call('SMEMBERS', key('going', owner))) do
    local started, ended = number(job, 'started'), number(job, 'done:postprocess') + redis.call('SCARD', key('blocked', job))
    if is_over(job) or ended == number(job, 'slabs') then
      redis.call('SREM', key('going', owner), job)
    else
      unpredicted = unpredicted + started - number(job, 'predicted')
      unstitched = unstitched + started - ended
    end
  end
  return has_room and unpredicted < run_ahead and unstitched < 2 * run_ahead
end

local function take(owner)
  if stage == 'preprocess' and not may_read(owner) then return end
  local active = key('active', stage, owner)
  for _, job in ipairs(redis.call('ZRANGE', active, 0, -1)) do
    local unit = not is_over(job) and redis.call('LPOP', key('ready', stage, job))
    if not unit or redis.call('LLEN', key('ready', stage, job)) == 0 then redis.call('ZREM', active, job) end
    if unit then
      if stage == 'preprocess' then
        redis.call('HINCRBY', job_key(job), 'started', 1)
        redis.call('SADD', key('going', owner), job)
      end
      return member(job, unit)
    end
  end
end

local function next_unit()
  for _ = 1, redis.call('LLEN', key('turns', stage)) do
    local owner = redis.call('LMOVE', key('turns', stage), key('turns', stage), 'LEFT', 'RIGHT')
    local name = take(owner)
    if name then return name end
  end
end

local sent = {}
local free = window - redis.call('ZCARD', key('leases', stage)) - redis.call('ZCARD', key('hinted', stage))
while #sent < math.min(free, most) do
  local name = next_unit()
  if not name then break end
  redis.call('ZADD', key('hinted', stage), now, name)
  table.insert(sent, name)
end
return sent

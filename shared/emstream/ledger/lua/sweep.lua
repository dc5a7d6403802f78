-- now, oldest hint, holder or '', reason, most attempts, then each stage and '1' if its lost hints are taken back
-- -> {"<stage> <job> <unit>", ...}
-- With a holder: only the leases of that worker, whatever their deadline.
local now, oldest, holder, reason, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local taken = {}

local function drop(stage, name)
  drop_lease(stage, name)
  redis.call('ZREM', key('hinted', stage), name)
  local job, unit = split(name)
  if not is_over(job) then take_back(job, stage, unit, most, reason) end
  table.insert(taken, stage .. ' ' .. name)
end

-- The last of them first: then the first one is the first in line.
local function last_first(names)
  table.sort(names, function(one, other)
    local job, unit = split(one)
    local other_job, other_unit = split(other)
    if job ~= other_job then return job > other_job end
    return tonumber(unit) > tonumber(other_unit)
  end)
  return names
end

for i = 6, #ARGV, 2 do
  local stage, is_quiet = ARGV[i], ARGV[i + 1] == '1'
  if holder ~= '' then
    for _, name in ipairs(last_first(redis.call('ZRANGE', key('leases', stage), 0, -1))) do
      if redis.call('HGET', key('holders', stage), name) == holder then drop(stage, name) end
    end
  else
    local expired = redis.call('ZRANGEBYSCORE', key('leases', stage), '-inf', '(' .. now)
    for _, name in ipairs(last_first(expired)) do drop(stage, name) end
    if is_quiet then
      local lost = redis.call('ZRANGEBYSCORE', key('hinted', stage), '-inf', '(' .. oldest)
      for _, name in ipairs(last_first(lost)) do drop(stage, name) end
    end
  end
end
return taken

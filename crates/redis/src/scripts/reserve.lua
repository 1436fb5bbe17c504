-- Reserves a value of a constraint that is unique beyond one home. KEYS: the guards, the counter. ARGV: the value, the home. Answers the
-- number of the grant, or the number of the grant and the home that has it.

local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local space = string.find(known, ' ', 1, true)
  local home = string.sub(known, space + 1)
  if home ~= ARGV[2] then
    return { string.sub(known, 1, space - 1), home }
  end
end
local token = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], token .. ' ' .. ARGV[2])
return { tostring(token) }

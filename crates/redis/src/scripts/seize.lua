-- Gives a reserved value to another home, unless it was reserved anew since. KEYS: the guards, the counter. ARGV: the value, the number
-- of the grant, the new home. Answers the number of the new grant.

local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and string.sub(known, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then
  return false
end
local token = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], token .. ' ' .. ARGV[3])
return tostring(token)

-- Makes a home known to the registry of an order by a bound that none of its members is below. KEYS: homes by bound, bounds by home,
-- counter. ARGV: home, bound. Answers the number of the grant.

local token = redis.call('INCR', KEYS[3])
local home, bound = ARGV[1], ARGV[2]
local known = redis.call('HGET', KEYS[2], home)
if known then
  local held = string.sub(known, string.find(known, ' ', 1, true) + 1)
  if below(bound, held) then
    redis.call('ZREM', KEYS[1], held .. home)
  else
    bound = held
  end
end
redis.call('HSET', KEYS[2], home, token .. ' ' .. bound)
redis.call('ZADD', KEYS[1], 0, bound .. home)
return tostring(token)

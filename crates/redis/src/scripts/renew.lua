-- Gives a home another bound in the registry, or none, unless it got a new grant since. KEYS: homes by bound, bounds by home. ARGV: home,
-- the number of its grant, the bound.

local known = redis.call('HGET', KEYS[2], ARGV[1])
if not known then
  return '0'
end
local space = string.find(known, ' ', 1, true)
if string.sub(known, 1, space - 1) ~= ARGV[2] then
  return '0'
end
redis.call('ZREM', KEYS[1], string.sub(known, space + 1) .. ARGV[1])
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
  redis.call('ZADD', KEYS[1], 0, ARGV[3] .. ARGV[1])
end
return '1'

-- Says what a home's lowest member is, and promises no more than that. Grants up to the given number no longer count, so that none
-- that is under way can add below the bound. KEYS: the promise, the order. ARGV: the number of the grant, the bound where it is always
-- the same. Answers the bound; nothing where the order is empty.

local floor = redis.call('HGET', KEYS[1], 'floor')
if not floor or tonumber(floor) < tonumber(ARGV[1]) then
  floor = ARGV[1]
end
local lowest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
if lowest then
  if ARGV[2] ~= '' then
    lowest = ARGV[2]
  end
  redis.call('HSET', KEYS[1], 'bound', lowest, 'floor', floor)
  redis.call('PERSIST', KEYS[1])
  return lowest
end
redis.call('HDEL', KEYS[1], 'bound')
redis.call('HSET', KEYS[1], 'floor', floor)
-- Longer than any call that was granted something can be under way.
redis.call('EXPIRE', KEYS[1], 86400)
return false

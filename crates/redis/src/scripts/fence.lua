-- Asks a home whether it has a value that is reserved for it, and if not, lets no grant up to the given number count any more. KEYS: the
-- order of the constraint, the fence. ARGV: the value, the number of the grant.

if #redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[1] .. '\255', 'LIMIT', 0, 1) > 0 then
  return '1'
end
local floor = redis.call('GET', KEYS[2])
if not floor or tonumber(floor) < tonumber(ARGV[2]) then
  floor = ARGV[2]
end
-- Longer than any call that was granted something can be under way.
redis.call('SET', KEYS[2], floor, 'EX', 86400)
return '0'

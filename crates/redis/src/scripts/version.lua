-- Writes down the version of the schema, unless a newer one or another layout stands there. KEYS: the schema's key. ARGV: version, layout.
-- Answers the version that stands there now.

local held = redis.call('HMGET', KEYS[1], 'version', 'layout')
if held[1] and tonumber(held[1]) > tonumber(ARGV[1]) then
  return held[1]
end
if not held[2] then
  redis.call('HSET', KEYS[1], 'layout', ARGV[2])
end
redis.call('HSET', KEYS[1], 'version', ARGV[1])
return ARGV[1]

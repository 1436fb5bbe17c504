-- One page of an order. ARGV: home, kind, order, lowest, highest, direction, limit, whether with details.
-- Answers whether there is more, then for each record its revision and its columns.

local home = take()
local k = kind(count())
local order = k.orders[count()]
local low, high, direction, limit, detail = take(), take(), take(), count(), take()
local key = order_key(home, k, order)
local found
if direction == 'down' then
  found = redis.call('ZREVRANGEBYLEX', key, high, low, 'LIMIT', 0, limit + 1)
else
  found = redis.call('ZRANGEBYLEX', key, low, high, 'LIMIT', 0, limit + 1)
end
local answer = { (#found > limit) and '1' or '0' }
local fields = { '_revision' }
for n, column in ipairs(detail == '1' and k.columns or k.listed) do
  fields[n + 1] = column
end
for n = 1, math.min(#found, limit) do
  answer[n + 1] = redis.call('HMGET', record_key(k, order, found[n]), unpack(fields))
end
return answer

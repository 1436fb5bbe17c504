-- On a cluster: what a home has promised to the registry of an order, namely that the registry knows it by a bound that is not above
-- any of its members. Kept beside the order as a hash: the bound, and the number of the last grant that no longer counts.

-- Whether byte string a comes before b.
local function below(a, b)
  for n = 1, math.min(#a, #b) do
    local x, y = string.byte(a, n), string.byte(b, n)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- Asks for a grant where the promise does not cover a member that is to be added.
local function promise(k, order, key, text, grants, need, promises)
  local name = key .. ':promise'
  local held = redis.call('HMGET', name, 'bound', 'floor')
  local bound = order.fixed and (string.match(text, '^([^%z]*%z)')) or text
  if held[1] and not below(bound, held[1]) then
    return
  end
  local what = 'home ' .. k.name .. '.' .. order.name .. ' '
  local granted = grants[what]
  if
    granted
    and not below(bound, granted.bound)
    and not (held[2] and tonumber(held[2]) >= tonumber(granted.token))
  then
    promises[#promises + 1] = { name, granted.bound }
  else
    need(what, bound)
  end
end

local function keep_promises(promises)
  for _, kept in ipairs(promises) do
    local bound = redis.call('HGET', kept[1], 'bound')
    if not bound or below(kept[2], bound) then
      redis.call('HSET', kept[1], 'bound', kept[2])
    end
    redis.call('PERSIST', kept[1])
  end
end

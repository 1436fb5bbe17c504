-- Takes records out of a range of an order. KEYS: on a cluster every key that may be touched beside the records. ARGV: home, the grants,
-- kind, order, lowest, highest, limit, columns set, columns unset. Answers what is needed first, or a word and the records as they are
-- afterwards.

local home = take()
local grants = {}
for _ = 1, count() do
  grant(grants)
end
local k = kind(count())
local order = k.orders[count()]
local low, high, limit = take(), take(), count()
local set, unset, changed = {}, {}, {}
for n = 1, count(), 2 do
  local column = take()
  set[column], changed[column] = take(), true
end
for n = 1, count() do
  unset[n] = take()
  changed[unset[n]] = true
end

local touched = {}
for _, candidate in ipairs(k.orders) do
  for _, column in ipairs(candidate.columns) do
    if changed[column] then
      touched[#touched + 1] = candidate
      break
    end
  end
end

local fields = { '_revision', '_transaction' }
for n, column in ipairs(k.columns) do
  fields[n + 2] = column
end
local needs, staged, ops = { 'need' }, {}, {}
local function need(what, text)
  needs[#needs + 1] = what
  needs[#needs + 1] = text
end

-- Whether another record has a value of a unique constraint.
local function is_taken(candidate, key, value)
  if staged[key .. value] ~= nil then
    return staged[key .. value]
  end
  if #redis.call('ZRANGEBYLEX', key, '[' .. value, '(' .. value .. '\255', 'LIMIT', 0, 1) > 0 then
    return true
  end
  if not (CLUSTER and candidate.wide) then
    return false
  end
  local what = 'guard ' .. k.name .. '.' .. candidate.name .. ' '
  local token = grants[what .. value]
  local floor = token and redis.call('GET', key .. ':floor:' .. value)
  if not token or (token ~= 'taken' and floor and tonumber(floor) >= tonumber(token)) then
    need(what, value)
  end
  return token == 'taken'
end

for _, found in ipairs(redis.call('ZRANGEBYLEX', order_key(home, k, order), low, high, 'LIMIT', 0, limit)) do
  local op = { k = k, key = record_key(k, order, found), adds = {}, removes = {}, promises = {} }
  op.old = read(op.key, fields)
  if op.old._revision then
    local row = {}
    for column, text in pairs(op.old) do
      row[column] = text
    end
    for column, text in pairs(set) do
      row[column] = text
    end
    for _, column in ipairs(unset) do
      row[column] = false
    end
    op.row = row
    row._revision = string.format('%.0f', tonumber(op.old._revision) + 1)
    for _, candidate in ipairs(touched) do
      local key = key_of(home, k, candidate)
      local before, old = member(k, candidate, op.old)
      local after, new = member(k, candidate, row)
      if candidate.unique and new ~= old then
        if new and is_taken(candidate, key, new) then
          return { 'unique', candidate.name }
        end
        if new then
          staged[key .. new] = true
        end
        if old then
          staged[key .. old] = false
        end
      end
      if before ~= after then
        if before then
          op.removes[#op.removes + 1] = { key, before }
        end
        if after then
          op.adds[#op.adds + 1] = { key, after }
          if CLUSTER and candidate.promised then
            promise(k, candidate, key, after, grants, need, op.promises)
          end
        end
      end
    end
    ops[#ops + 1] = op
  end
end
if #needs > 1 then
  return needs
end

local answer = { 'done' }
for n, op in ipairs(ops) do
  for _, change in ipairs(op.removes) do
    redis.call('ZREM', change[1], change[2])
  end
  for _, change in ipairs(op.adds) do
    redis.call('ZADD', change[1], 0, change[2])
  end
  if CLUSTER then
    keep_promises(op.promises)
  end
  local written = { '_revision', op.row._revision }
  for column, text in pairs(set) do
    written[#written + 1] = column
    written[#written + 1] = text
  end
  redis.call('HSET', op.key, unpack(written))
  if #unset > 0 then
    redis.call('HDEL', op.key, unpack(unset))
  end
  local row = { op.row._revision }
  for place, column in ipairs(k.columns) do
    row[place + 1] = op.row[column]
  end
  answer[n + 1] = row
end
return answer

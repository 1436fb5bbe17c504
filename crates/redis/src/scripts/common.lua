-- What every script begins with, after the declaration of the kinds (CLUSTER, PREFIX and kind(n)) that the backend writes from the schema.
--
-- All values are byte strings: Lua's numbers are doubles, which would spoil 64-bit integers. Nothing here compares text with "<",
-- which follows the server's locale.

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function count()
  return tonumber(take())
end

-- The text that stands for a value in an order: as it is stored, but for integers, whose decimal digits get their number before them.
local function sortable(k, column, text)
  if not k.integer[column] then
    return text
  end
  if string.byte(text) ~= 45 then
    return string.char(64 + #text) .. text
  end
  local digits = string.sub(text, 2)
  local turned = string.gsub(digits, '%d', function(digit) return string.char(105 - string.byte(digit)) end)
  return string.char(64 - #digits) .. turned
end

-- The value that a text in an order stands for.
local function plain(k, column, text)
  if not k.integer[column] then
    return text
  end
  local digits = string.sub(text, 2)
  if string.byte(text) > 64 then
    return digits
  end
  local turned = string.gsub(digits, '%d', function(digit) return string.char(105 - string.byte(digit)) end)
  return '-' .. turned
end

-- A value as a part of the name of a key. Inside of braces an empty one would not make a hash tag.
local function escaped(text)
  if not string.find(text, '[%%{}:%c ]') then
    return text
  end
  return (string.gsub(text, '[%%{}:%c ]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

local function braced(home)
  if home == '' then
    return '{%}'
  end
  return '{' .. escaped(home) .. '}'
end

-- The name of the sorted set that holds an order of a kind. On a cluster each home has its own, in its own slot.
local function order_key(home, k, order)
  if CLUSTER then
    return PREFIX .. ':' .. home .. ':' .. k.name .. '.' .. order.name
  end
  return PREFIX .. ':' .. k.name .. '.' .. order.name
end

-- The same for the one home of a call, made once.
local function key_of(home, k, order)
  local key = order.key
  if not key then
    key = order_key(home, k, order)
    order.key = key
  end
  return key
end

-- The member of an order that stands for a record; false where the order does not hold it, because a column is null. And the part
-- that is to be unique, for a unique constraint.
local function member(k, order, row)
  local parts = {}
  for n, column in ipairs(order.columns) do
    local text = row[column]
    if not text then
      return false, false
    end
    parts[n] = sortable(k, column, text)
  end
  local value = order.unique and (table.concat(parts, '\0', 1, order.unique) .. '\0')
  return table.concat(parts, '\0') .. '\0', value
end

-- The name of the key of the record that a member of an order stands for.
local function record_key(k, order, text)
  local row, n = {}, 0
  for part in string.gmatch(text, '([^%z]*)%z') do
    n = n + 1
    local column = order.columns[n]
    row[column] = plain(k, column, part)
  end
  local name = PREFIX .. ':' .. braced(row[k.key[1]]) .. ':' .. k.name
  for place = 2, #k.key do
    name = name .. ':' .. escaped(row[k.key[place]])
  end
  return name
end

-- Reads fields of a hash into a table by their names.
local function read(key, fields)
  local row = {}
  for n, value in ipairs(redis.call('HMGET', key, unpack(fields))) do
    row[fields[n]] = value
  end
  return row
end

-- Reads one grant: of a home's bound, of which one covers all that is not below it, or of one value's guard.
local function grant(grants)
  local what, text, token = take(), take(), take()
  if string.sub(what, 1, 5) == 'home ' then
    grants[what] = { bound = text, token = token }
  else
    grants[what .. text] = token
  end
end

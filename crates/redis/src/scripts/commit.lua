-- Transactions, each applied whole or not at all, in order. KEYS: for every operation its record, and after it the stream where it has
-- one; then, on a cluster, every other key that may be touched. ARGV: home, the call's own id, the longest stream (0: no limit), the
-- grants, the transactions. The answers say for each transaction what became of it.

local home, call, longest = take(), take(), take()
local grants = {}
for _ = 1, count() do
  grant(grants)
end
local next_key = 0
local function take_key()
  next_key = next_key + 1
  return KEYS[next_key]
end

-- Fields that every operation needs to know.
local function header(key, columns)
  local fields = { '_revision', '_transaction' }
  for _, column in ipairs(columns) do
    fields[#fields + 1] = column
  end
  return read(key, fields)
end

local function parse_set(k)
  local set, unset = {}, {}
  for _ = 1, count() do
    local column = k.columns[count()]
    set[column] = take()
  end
  for _ = 1, count() do
    unset[#unset + 1] = k.columns[count()]
  end
  return set, unset
end

local parsers = {}

function parsers.insert(op)
  op.set, op.unset = parse_set(op.k)
  local entries = count()
  if entries > 0 then
    op.stream = take_key()
    op.time = take()
    op.entries = {}
    for n = 1, entries * 2 do
      op.entries[n] = take()
    end
  end
  op.orders = op.k.orders
  op.old = header(op.key, {})
end

function parsers.update(op)
  op.condition = take()
  op.set, op.unset = parse_set(op.k)
  op.orders = {}
  local changed, wanted, asked = {}, {}, {}
  for column in pairs(op.set) do
    changed[column] = true
  end
  for _, column in ipairs(op.unset) do
    changed[column] = true
  end
  for _, order in ipairs(op.k.orders) do
    for _, column in ipairs(order.columns) do
      if changed[column] then
        op.orders[#op.orders + 1] = order
        for _, needed in ipairs(order.columns) do
          if not asked[needed] then
            asked[needed] = true
            wanted[#wanted + 1] = needed
          end
        end
        break
      end
    end
  end
  op.old = header(op.key, wanted)
end

function parsers.delete(op)
  op.condition = take()
  if take() == '1' then
    op.stream = take_key()
  end
  op.orders = op.k.orders
  local fields = { '_stream' }
  for _, column in ipairs(op.k.ordered) do
    fields[#fields + 1] = column
  end
  op.old = header(op.key, fields)
end

function parsers.check(op)
  op.condition = take()
  op.orders = {}
  op.old = header(op.key, {})
end

-- Puts a record into orders that came later.
function parsers.index(op)
  op.orders = {}
  for _ = 1, count() do
    op.orders[#op.orders + 1] = op.k.orders[count()]
  end
  op.old = header(op.key, op.k.ordered)
end

local function parse(transaction)
  transaction.id, transaction.retried = take(), take() == '1'
  for n = 1, count() do
    local op = { what = take(), key = take_key() }
    op.k = kind(count())
    parsers[op.what](op)
    op.there = op.old._revision and true or false
    transaction[n] = op
  end
end

local function bears(op, id)
  local bearer = op.old._transaction
  if not bearer then
    return false
  end
  if CLUSTER then
    return string.sub(bearer, 1, #id + 1) == id .. ':'
  end
  return bearer == id
end

-- Whether the transaction was applied before. On a cluster the driver may send a call twice: such a one bears the call's id, too.
local function applied(transaction)
  local writes, deletes, gone, found, sent = false, false, true, false, false
  for _, op in ipairs(transaction) do
    if op.what == 'insert' or op.what == 'update' then
      writes = true
      found = found or bears(op, transaction.id)
      sent = sent or (CLUSTER and op.old._transaction == transaction.id .. ':' .. call)
    elseif op.what == 'delete' then
      deletes = true
      gone = gone and not op.there
    end
  end
  if not transaction.retried then
    return sent
  end
  if writes then
    return found
  end
  return deletes and gone
end

-- Judging: what a transaction adds to orders and takes out of them.

local function judge(transaction)
  local staged, needs = {}, { 'need' }

  local function need(what, text)
    needs[#needs + 1] = what
    needs[#needs + 1] = text
  end

  -- Whether another record has a value of a unique constraint.
  local function is_taken(key, value)
    local known = staged[key .. value]
    if known ~= nil then
      return known
    end
    return #redis.call('ZRANGEBYLEX', key, '[' .. value, '(' .. value .. '\255', 'LIMIT', 0, 1) > 0
  end

  -- A value that is unique beyond this home is granted by its guard, and the grant may have been fenced off since.
  local function is_granted(k, order, key, value)
    local what = 'guard ' .. k.name .. '.' .. order.name .. ' '
    local token = grants[what .. value]
    if token == 'taken' then
      return false
    end
    local floor = token and redis.call('GET', key .. ':floor:' .. value)
    if not token or (floor and tonumber(floor) >= tonumber(token)) then
      need(what, value)
    end
    return true
  end

  local function add(op, order, text)
    local key = order_key(home, op.k, order)
    op.adds[#op.adds + 1] = { key, text }
    if CLUSTER and order.promised then
      promise(op, order, key, text, grants, need)
    end
  end

  local function write(op, row)
    for _, order in ipairs(op.orders) do
      local key = order_key(home, op.k, order)
      local before, old, after, new = false, false, member(op.k, order, row)
      if op.there then
        before, old = member(op.k, order, op.old)
      end
      if order.unique and new ~= old then
        if new then
          if is_taken(key, new) or (CLUSTER and order.wide and not is_granted(op.k, order, key, new)) then
            return { 'unique', op.n, order.name }
          end
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
          add(op, order, after)
        end
      end
    end
  end

  local judges = {}

  function judges.insert(op)
    if op.there then
      return { 'exists', op.n }
    end
    return write(op, op.set)
  end

  function judges.update(op)
    local row = {}
    for column, text in pairs(op.old) do
      row[column] = text
    end
    for column, text in pairs(op.set) do
      row[column] = text
    end
    for _, column in ipairs(op.unset) do
      row[column] = false
    end
    return write(op, row)
  end

  function judges.delete(op)
    for _, order in ipairs(op.orders) do
      local key = order_key(home, op.k, order)
      local before, old = member(op.k, order, op.old)
      if before then
        op.removes[#op.removes + 1] = { key, before }
        if old then
          staged[key .. old] = false
        end
      end
    end
  end

  function judges.check()
  end

  function judges.index(op)
    if not op.there then
      return
    end
    for _, order in ipairs(op.orders) do
      local key = order_key(home, op.k, order)
      local text, value = member(op.k, order, op.old)
      if text and not redis.call('ZSCORE', key, text) then
        if value and (is_taken(key, value) or (CLUSTER and order.wide and not is_granted(op.k, order, key, value))) then
          return { 'unique', op.n, order.name }
        end
        add(op, order, text)
      end
    end
  end

  for n, op in ipairs(transaction) do
    op.n, op.adds, op.removes, op.promises = n, {}, {}, {}
    local refused
    if op.condition == 'absent' then
      refused = op.there and { 'exists', n } or nil
    elseif op.condition and not op.there then
      refused = { 'missing', n }
    elseif op.condition and op.condition ~= 'exists' and op.condition ~= op.old._revision then
      refused = { 'conflict', n, op.old._revision }
    end
    refused = refused or judges[op.what](op)
    if refused then
      -- An operation before it may be the first to fail, once its guard is asked.
      return #needs > 1 and needs or refused
    end
  end
  if #needs > 1 then
    return needs
  end
end

-- Applying: nothing fails from here on.

-- The kinds of which nothing is left in this home, for the registry.
local emptied = { 'emptied' }

local function store(op, transaction, revision)
  local fields = { '_revision', revision, '_transaction', transaction }
  for column, text in pairs(op.set) do
    fields[#fields + 1] = column
    fields[#fields + 1] = text
  end
  redis.call('HSET', op.key, unpack(fields))
  if op.there and #op.unset > 0 then
    redis.call('HDEL', op.key, unpack(op.unset))
  end
end

-- A copy for other programs: where the stream has later entries already, it stays as it is.
local function publish(op)
  for n = 1, #op.entries, 2 do
    local entry = { 'event', op.entries[n + 1], 'time', op.time }
    if longest == '0' then
      redis.pcall('XADD', op.stream, op.entries[n], unpack(entry))
    else
      redis.pcall('XADD', op.stream, 'MAXLEN', '~', longest, op.entries[n], unpack(entry))
    end
  end
  redis.call('HSET', op.key, '_stream', op.entries[1] .. ' ' .. op.entries[#op.entries - 1])
end

local function withdraw(op)
  local first, last = string.match(op.old._stream, '^(%S+) (%S+)$')
  local entries = first and redis.pcall('XRANGE', op.stream, first, last)
  if type(entries) ~= 'table' or entries.err then
    return
  end
  for _, entry in ipairs(entries) do
    redis.call('XDEL', op.stream, entry[1])
  end
  if redis.call('XLEN', op.stream) == 0 then
    redis.call('DEL', op.stream)
  end
end

local function apply_one(op, transaction)
  for _, change in ipairs(op.removes) do
    redis.call('ZREM', change[1], change[2])
  end
  for _, change in ipairs(op.adds) do
    redis.call('ZADD', change[1], 0, change[2])
  end
  if CLUSTER then
    keep_promises(op)
  end
  if op.what == 'insert' then
    store(op, transaction, '1')
    if op.stream then
      publish(op)
    end
    return '1'
  elseif op.what == 'update' then
    local revision = string.format('%.0f', tonumber(op.old._revision) + 1)
    store(op, transaction, revision)
    return revision
  elseif op.what == 'delete' then
    redis.call('DEL', op.key)
    if CLUSTER and redis.call('ZCARD', order_key(home, op.k, op.k.orders[1])) == 0 then
      emptied[#emptied + 1] = op.k.name
    end
    if op.stream and op.old._stream then
      withdraw(op)
    end
    return '0'
  end
  return op.old._revision or '0'
end

local answers = {}
local waits = false
for n = 1, count() do
  local transaction = {}
  parse(transaction)
  local answer
  if waits then
    -- What it will need, as far as that can be told now.
    answer = judge(transaction)
    if not answer or answer[1] ~= 'need' then
      answer = { 'need' }
    end
  elseif (transaction.retried or CLUSTER) and applied(transaction) then
    answer = { 'applied' }
    for _, op in ipairs(transaction) do
      answer[#answer + 1] = op.old._revision or '0'
      answer[#answer + 1] = bears(op, transaction.id) and '1' or '0'
    end
  else
    answer = judge(transaction)
    if not answer then
      answer = { 'done' }
      local bearer = CLUSTER and (transaction.id .. ':' .. call) or transaction.id
      for _, op in ipairs(transaction) do
        answer[#answer + 1] = apply_one(op, bearer)
      end
    elseif answer[1] == 'need' then
      -- What comes later in the call may concern the same records: it keeps its place.
      waits = true
    end
  end
  answers[n] = answer
end
if #emptied > 1 then
  answers[#answers + 1] = emptied
end
return answers

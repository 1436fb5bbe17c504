-- Transactions, each applied whole or not at all, in order. KEYS: for every operation its record, and after it the stream where it has
-- one; then, on a cluster, every other key that may be touched. ARGV: home, the call's own id, the longest stream (0: no limit), the
-- grants, the transactions. The answers say for each transaction what became of it.
--
-- What is stored stands in ARGV as HSET takes it, so that it passes through without being looked at.

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

-- Passes over as many arguments as the next one says; answers where they begin and end.
local function take_span()
  local length = count()
  at = at + length
  return at - length + 1, at
end

local function take_orders(op)
  local orders = {}
  for n = 1, count() do
    orders[n] = op.k.orders[count()]
  end
  op.orders = orders
end

-- Reads the record's revision and transaction, and the columns of its orders.
local function read_old(op, columns)
  local fields = { '_revision', '_transaction', '_stream' }
  local n, asked = 3, {}
  for _, column in ipairs(columns) do
    if not asked[column] then
      asked[column] = true
      n = n + 1
      fields[n] = column
    end
  end
  op.old = read(op.key, fields)
  op.revision, op.bearer = op.old._revision, op.old._transaction
end

local function read_header(op)
  local found = redis.call('HMGET', op.key, '_revision', '_transaction')
  op.revision, op.bearer = found[1], found[2]
end

local function parse_insert(op, retried)
  op.from, op.to = take_span()
  op.members_from = at + 2
  local members = count()
  op.members = members
  at = at + members * 3
  local entries = count()
  if entries > 0 then
    op.stream = take_key()
    op.time = take()
    op.entries_from = at + 1
    at = at + entries * 2
    op.entries_to = at
  end
  if retried or CLUSTER then
    read_header(op)
  else
    -- Whoever is new need not know more.
    op.revision = redis.call('EXISTS', op.key) == 1
  end
end

local function parse_update(op)
  op.condition = take()
  op.from, op.to = take_span()
  op.unset_from, op.unset_to = take_span()
  take_orders(op)
  if #op.orders == 0 then
    return read_header(op)
  end
  local columns, n = {}, 0
  for _, order in ipairs(op.orders) do
    for _, column in ipairs(order.columns) do
      n = n + 1
      columns[n] = column
    end
  end
  read_old(op, columns)
end

local function parse(transaction)
  transaction.id, transaction.retried = take(), take() == '1'
  for n = 1, count() do
    local op = { n = n, what = take(), key = take_key(), k = kind(count()) }
    if op.what == 'insert' then
      parse_insert(op, transaction.retried)
    elseif op.what == 'update' then
      parse_update(op)
    elseif op.what == 'delete' then
      op.condition = take()
      if take() == '1' then
        op.stream = take_key()
      end
      op.orders = op.k.orders
      read_old(op, op.k.ordered)
    elseif op.what == 'check' then
      op.condition = take()
      read_header(op)
    else
      -- Puts a record into orders that came later.
      take_orders(op)
      read_old(op, op.k.ordered)
    end
    transaction[n] = op
  end
end

local function bears(op, id)
  if not op.bearer then
    return false
  end
  if CLUSTER then
    return string.sub(op.bearer, 1, #id + 1) == id .. ':'
  end
  return op.bearer == id
end

-- Whether the transaction was applied before. On a cluster the driver may send a call twice: such a one bears the call's id, too.
local function applied(transaction)
  local writes, deletes, gone, found, sent = false, false, true, false, false
  for _, op in ipairs(transaction) do
    if op.what == 'insert' or op.what == 'update' then
      writes = true
      found = found or bears(op, transaction.id)
      sent = sent or (CLUSTER and op.bearer == transaction.id .. ':' .. call)
    elseif op.what == 'delete' then
      deletes = true
      gone = gone and not op.revision
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

-- Judging: what a transaction adds to orders and takes out of them. What it takes and gives up of unique values lies over what is stored.
local staged, needs

-- What is to be done to orders: names of sorted sets and members in turn.
local removes, adds, promises

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

-- Changes a record's place in one order; answers whether the value that is to be unique is free.
local function move(op, order, before, old, after, new)
  local key = key_of(home, op.k, order)
  if order.unique and new ~= old then
    if new then
      if is_taken(key, new) or (CLUSTER and order.wide and not is_granted(op.k, order, key, new)) then
        return false
      end
      staged[key .. new] = true
    end
    if old then
      staged[key .. old] = false
    end
  end
  if before ~= after then
    if before then
      local n = #removes
      removes[n + 1], removes[n + 2] = key, before
    end
    if after then
      local n = #adds
      adds[n + 1], adds[n + 2] = key, after
      if CLUSTER and order.promised then
        promise(op.k, order, key, after, grants, need, promises)
      end
    end
  end
  return true
end

local function judge_insert(op)
  if op.revision then
    return { 'exists', op.n }
  end
  for place = op.members_from, op.members_from + (op.members - 1) * 3, 3 do
    local order, text = op.k.orders[tonumber(ARGV[place])], ARGV[place + 1]
    local value = order.unique and string.sub(text, 1, tonumber(ARGV[place + 2]))
    if not move(op, order, false, false, text, value) then
      return { 'unique', op.n, order.name }
    end
  end
end

local function judge_update(op)
  if #op.orders == 0 then
    return
  end
  local row = {}
  for column, text in pairs(op.old) do
    row[column] = text
  end
  for place = op.from, op.to, 2 do
    row[ARGV[place]] = ARGV[place + 1]
  end
  for place = op.unset_from, op.unset_to do
    row[ARGV[place]] = false
  end
  for _, order in ipairs(op.orders) do
    local before, old = member(op.k, order, op.old)
    local after, new = member(op.k, order, row)
    if not move(op, order, before, old, after, new) then
      return { 'unique', op.n, order.name }
    end
  end
end

local function judge_delete(op)
  for _, order in ipairs(op.orders) do
    local before, old = member(op.k, order, op.old)
    move(op, order, before, old, false, false)
  end
end

local function judge_index(op)
  if not op.revision then
    return
  end
  for _, order in ipairs(op.orders) do
    local text, value = member(op.k, order, op.old)
    if text and not redis.call('ZSCORE', key_of(home, op.k, order), text) then
      if not move(op, order, false, false, text, value) then
        return { 'unique', op.n, order.name }
      end
    end
  end
end

local judges = { insert = judge_insert, update = judge_update, delete = judge_delete, index = judge_index }

local function judge(transaction)
  staged, needs, removes, adds, promises = {}, { 'need' }, {}, {}, {}
  for n, op in ipairs(transaction) do
    local refused
    local condition = op.condition
    if condition == 'absent' then
      refused = op.revision and { 'exists', n } or nil
    elseif condition and not op.revision then
      refused = { 'missing', n }
    elseif condition and condition ~= 'exists' and condition ~= op.revision then
      refused = { 'conflict', n, op.revision }
    end
    if not refused and judges[op.what] then
      refused = judges[op.what](op)
    end
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

-- A copy for other programs: where the stream has later entries already, it stays as it is.
local function publish(op)
  for place = op.entries_from, op.entries_to, 2 do
    if longest == '0' then
      redis.pcall('XADD', op.stream, ARGV[place], 'event', ARGV[place + 1], 'time', op.time)
    else
      redis.pcall('XADD', op.stream, 'MAXLEN', '~', longest, ARGV[place], 'event', ARGV[place + 1], 'time', op.time)
    end
  end
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

-- Each record is in one operation only, so that what they do to orders can be done at once.
local function apply_orders()
  for n = 1, #removes, 2 do
    redis.call('ZREM', removes[n], removes[n + 1])
  end
  for n = 1, #adds, 2 do
    redis.call('ZADD', adds[n], 0, adds[n + 1])
  end
  if CLUSTER then
    keep_promises(promises)
  end
end

local function apply_one(op)
  if op.what == 'insert' then
    redis.call('HSET', op.key, unpack(ARGV, op.from, op.to))
    if op.stream then
      publish(op)
    end
    return '1'
  elseif op.what == 'update' then
    local revision = string.format('%.0f', tonumber(op.revision) + 1)
    redis.call('HSET', op.key, '_revision', revision, unpack(ARGV, op.from, op.to))
    if op.unset_from <= op.unset_to then
      redis.call('HDEL', op.key, unpack(ARGV, op.unset_from, op.unset_to))
    end
    return revision
  elseif op.what == 'delete' then
    redis.call('DEL', op.key)
    if CLUSTER and redis.call('ZCARD', key_of(home, op.k, op.k.orders[1])) == 0 then
      emptied[#emptied + 1] = op.k.name
    end
    if op.stream and op.old._stream then
      withdraw(op)
    end
    return '0'
  end
  return op.revision or '0'
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
    for place, op in ipairs(transaction) do
      answer[place * 2] = op.revision or '0'
      answer[place * 2 + 1] = bears(op, transaction.id) and '1' or '0'
    end
  else
    answer = judge(transaction)
    if not answer then
      answer = { 'done' }
      apply_orders()
      for place, op in ipairs(transaction) do
        answer[place + 1] = apply_one(op)
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

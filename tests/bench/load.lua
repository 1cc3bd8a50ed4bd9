-- One operation of PPIMS, or a mix of them, for wrk with one thread:
--   wrk -t1 ... -s load.lua URL -- operation=mix customers=PATH number=1000 out=PATH [pool=PATH] [writes=PATH]
--     [prefix=/api/X/v1/]
--
-- "BC123-45" is the Ref_Id of a check, the 123rd request, for the customer in line 45 of the file.
-- It is sent as x-fapi-uuid too and comes back as X-Request-Id: so each response names its request,
-- and nothing has to be remembered. With `prefix`, another program answers, which need not send it back.

local prefix, host = "/api/PPIM/v1/", wrk.host
local AMOUNT, BALANCE, BALANCE_AFTER = "1.00", "5000.00", "4999.00"

local threads = {}
local processors, people, starts = {}, "", {}
local operation, makes, number, is_ours
local first, last = 1, 0 -- of unsettled

-- done() reads these out of another Lua state. unsettled: checks that were allowed and have no update
-- yet (the file `pool` keeps them from one run to the next). acknowledged: every good write.
counts, unsettled, acknowledged = {}, {}, {}

function setup(thread)
  threads[#threads + 1] = thread
end

-- Customers stay in one text, and `starts` has the start of each line: two lakh tables would make
-- each request twice as dear, and server and load share the cores.
local function read_customers(path)
  local file = assert(io.open(path))
  people = file:read("*a")
  file:close()
  for start, line in people:gmatch("()([^\n]+)") do
    local number, system_id, username, password =
      line:match("^processor (%S+) (%S+) (%S+) (%S+)")
    if number then
      processors[number] = {
        system_id = system_id,
        credentials = '"Username":"' .. username .. '","Password":"' .. password .. '"},"Risk":{}}',
      }
    else
      starts[#starts + 1] = start
    end
  end
end

local function customer_in(line)
  local processor, id, mobile, account =
    people:match("^customer (%S+) (%S+) (%S+) (%S+)", starts[line])
  return { processor = processors[processor], id = id, mobile = mobile, account = account }
end

local function read_pool(path)
  local file = io.open(path)
  if file then
    for line in file:lines() do
      last = last + 1
      unsettled[last] = line
    end
    file:close()
  end
end

local function post(name, word, ref, processor, fields)
  local body = '{"Data":{"' .. word .. '":{"Ref_Id":"' .. ref .. '","System_Id":"'
    .. processor.system_id .. '"' .. fields .. "}," .. processor.credentials
  return "POST " .. prefix .. name .. " HTTP/1.1\r\nHost: " .. host .. "\r\n"
    .. "Content-Type: application/json\r\nx-fapi-uuid: " .. ref
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local function new_ref(kind, line)
  number = number + 1
  return "B" .. kind .. number .. "-" .. line
end

local function anyone()
  return math.random(#starts)
end

local make = {}

make["check-customer-kyc"] = function()
  local line = anyone()
  local customer = customer_in(line)
  local about = ',"Unique_Id":"' .. customer.id .. '"'
  return post("check-customer-kyc", "Check_KYC", new_ref("K", line), customer.processor, about)
end

make["customer-registration-status"] = function()
  local line = anyone()
  local customer = customer_in(line)
  local ref, about = new_ref("S", line), ',"Mobile_Number":"' .. customer.mobile .. '"'
  return post(
    "customer-registration-status", "Check_Reg_Status", ref, customer.processor, about)
end

make["check-customer-limit"] = function()
  local line = anyone()
  local customer = customer_in(line)
  local about = ',"Unique_Id":"' .. customer.id .. '","Amount":"' .. AMOUNT
    .. '","Tran_Type":"D","Account_Number":"' .. customer.account
    .. '","Avail_Bal":"' .. BALANCE .. '"'
  return post("check-customer-limit", "Check_Limit", new_ref("C", line), customer.processor, about)
end

-- The update of the check that was allowed first and is not yet settled; without one, UNCHECKED.
make["update-customer-limit"] = function()
  local check, line = unsettled[first], nil
  if check then
    unsettled[first] = nil
    first = first + 1
    line = tonumber(check:match("-(%d+)$"))
  else
    line = anyone()
  end
  local ref, customer = new_ref("U", line), customer_in(line)
  local about = ',"Unique_Id":"' .. customer.id .. '","Amount":"' .. AMOUNT
    .. '","Tran_Type":"D","Tran_Status":"S","Avail_Bal":"' .. BALANCE_AFTER
    .. '","Tran_Id":"T' .. number .. '"'
  if check then
    about = about .. ',"Enquiry_Ref_Id":"' .. check .. '"'
  end
  return post("update-customer-limit", "Update_Limit", ref, customer.processor, about)
end

-- A new person with a document: each number is handed out once.
make["add-customer"] = function()
  local line = anyone()
  local ref = new_ref("A", line)
  local digits = string.format("%012d", number)
  local about = ',"Unique_Id":"NA","Customer_Id":"' .. digits
    .. '","Customer_Name":"Rohan Deshpande","Mobile_Number":"' .. 917000000000 + number
    .. '","Date_Of_Birth":"21-08-1994","Email_Id":"r' .. number .. '@example.in"'
    .. ',"Address_Line1":"Flat 4, Sai Krupa","City":"Pune","State":"Maharashtra"'
    .. ',"Pincode":"411038","Account_Number":"' .. digits .. '","Account_Status":"A"'
    .. ',"Card_Number":"6077' .. digits .. '","Card_Status":"A","KYC_Flag":"N"'
    .. ',"KYC_Updated_Channel":"PGO","KYC_Updated_On":"23-11-2025 10:15:00"'
    .. ',"Ovid_Type":"ADR","Ovid_Value":"7' .. string.format("%011d", number)
    .. '","Cif_Id":"B' .. number .. '","Customer_Type":"N","Ppi_Type":"SC","NRI_Flag":"N"'
  return post("add-customer", "Add_Customer", ref, customer_in(line).processor, about)
end

make["update-customer"] = function()
  local line = anyone()
  local ref, customer = new_ref("M", line), customer_in(line)
  local about = ',"Unique_Id":"' .. customer.id
    .. '","Email_Id":"m' .. number .. '@example.in"'
  return post("update-customer", "Update_Customer", ref, customer.processor, about)
end

-- 45 % checks, 45 % updates of those that were allowed, 8 % status, 2 % adds.
make["mix"] = function()
  local chance = math.random()
  if chance < 0.02 then
    return make["add-customer"]()
  elseif chance < 0.10 then
    return make["customer-registration-status"]()
  elseif unsettled[first] then
    return make["update-customer-limit"]()
  end
  return make["check-customer-limit"]()
end

-- Checks, and an update of each that was allowed.
make["pairs"] = function()
  return make[unsettled[first] and "update-customer-limit" or "check-customer-limit"]()
end

-- The empty operation gets the same request as check-customer-kyc.
make["empty"] = make["check-customer-kyc"]

function init(arguments)
  local given = {}
  for _, text in ipairs(arguments) do
    local name, value = text:match("^(%w+)=(.*)$")
    given[name] = value
  end
  operation, out, pool, writes = given.operation, given.out, given.pool, given.writes
  is_ours = not given.prefix
  prefix = given.prefix or prefix
  number = tonumber(given.number)
  math.randomseed(number)
  read_customers(given.customers)
  if pool then
    read_pool(pool)
  end
  makes = make[operation]
end

function request()
  return makes()
end

local function count(name)
  counts[name] = (counts[name] or 0) + 1
end

function response(status, headers, body)
  if operation == "empty" then
    count(status == 200 and "good" or status .. " none")
    return
  end
  local code = body:match('"Resp_Code"%s*:%s*"(%d+)"')
  local ref = headers["X-Request-Id"] or headers["x-request-id"]
  if status ~= 200 or code ~= "000" or (is_ours and not ref) then
    count(status .. " " .. (code or "none"))
    if (status == 503 or status == 429) and is_ours and not headers["Retry-After"] then
      count("no Retry-After")
    end
    return
  end
  count("good")
  if not is_ours then
    return
  end
  local kind = ref:sub(2, 2)
  count(kind)
  if kind == "C" then
    if body:find('"Allow_Customer":"T"', 1, true) then
      last = last + 1
      unsettled[last] = ref
    else
      count("declined")
    end
  elseif kind == "U" and not body:find('"Flags":[]', 1, true) then
    count("flagged")
  end
  if writes and kind ~= "K" and kind ~= "S" then
    acknowledged[#acknowledged + 1] = ref
  end
end

local function write_lines(path, lines)
  if not path then
    return
  end
  local file = assert(io.open(path, "w"))
  for _, line in pairs(lines) do
    file:write(line, "\n")
  end
  file:close()
end

function done(summary, latency)
  local thread = threads[1]
  write_lines(thread:get("pool"), thread:get("unsettled"))
  write_lines(thread:get("writes"), thread:get("acknowledged"))
  local file = assert(io.open(thread:get("out"), "w"))
  local errors = summary.errors
  file:write(string.format(
    '{"microseconds":%d,"p50_us":%d,"p99_us":%d,"worst_us":%d,"broken":%d,"late":%d',
    summary.duration, latency:percentile(50), latency:percentile(99),
    latency.max, errors.connect + errors.read + errors.write, errors.timeout))
  file:write(',"counts":{')
  local comma = ""
  for name, times in pairs(thread:get("counts")) do
    file:write(comma, string.format('"%s":%d', name, times))
    comma = ","
  end
  file:write("}}\n")
  file:close()
end

-- Runs one of Argo CD's Lua scripts as Argo CD does: with the base and the table library, and nothing of strings,
-- numbers, files or time.   lua5.1 sandbox.lua SCRIPT OBJECT.lua   prints what the script returns, as JSON.

local script, object = arg[1], arg[2]
local byte, format, gsub, concat, floor = string.byte, string.format, string.gsub, table.concat, math.floor

local function json(value)
  local kind = type(value)
  if kind == "string" then
    return '"' .. gsub(value, '[%c"\\]', function(c) return format("\\u%04x", byte(c)) end) .. '"'
  elseif kind == "number" then
    return value == floor(value) and format("%d", value) or format("%.17g", value)
  elseif kind ~= "table" then
    return kind == "nil" and "null" or tostring(value)
  end
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do parts[#parts + 1] = json(item) end
    return "[" .. concat(parts, ",") .. "]"
  end
  for name, item in pairs(value) do parts[#parts + 1] = json(name) .. ":" .. json(item) end
  return "{" .. concat(parts, ",") .. "}"
end

local allowed = { table = table, obj = dofile(object) }
for _, name in ipairs({ "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawset",
  "select", "setmetatable", "getmetatable", "tonumber", "tostring", "type", "unpack", "xpcall" }) do
  allowed[name] = _G[name]
end
-- ("x"):upper() is the string library too.
getmetatable("").__index = nil

local chunk = assert(loadfile(script))
setfenv(chunk, allowed)
io.write(json(chunk()), "\n")

-- lua_in_lua: a small interpreter of a Lua-like language: lexer, compiler to closures, and a run. arg[1] = rounds.
local N = (arg and arg[1] or 500) + 0

local keywords = {}
for w in ("while do end if then else local function return and or not"):gmatch("%a+") do keywords[w] = true end
local function lex(s)
  local tokens, i = {}, 1
  while true do
    i = s:match("^%s*()", i)
    if i > #s then break end
    local word = s:match("^[%a_][%w_]*", i)
    local number = not word and s:match("^%d+", i)
    local op = not word and not number and (s:match("^[=~<>]=", i) or s:sub(i, i))
    local text = word or number or op
    tokens[#tokens + 1] = { kind = word and (keywords[word] and word or "name") or number and "number" or op, text = text }
    i = i + #text
  end
  tokens[#tokens + 1] = { kind = "eof" }
  return tokens
end
local priority = { ["or"] = 1, ["and"] = 2, ["<"] = 3, [">"] = 3, ["<="] = 3, [">="] = 3, ["=="] = 3, ["~="] = 3, ["+"] = 5, ["-"] = 5, ["*"] = 6, ["%"] = 6 }
local binary = {
  ["+"] = function(a, b) return function(e) return a(e) + b(e) end end,
  ["-"] = function(a, b) return function(e) return a(e) - b(e) end end,
  ["*"] = function(a, b) return function(e) return a(e) * b(e) end end,
  ["%"] = function(a, b) return function(e) return a(e) % b(e) end end,
  ["<"] = function(a, b) return function(e) return a(e) < b(e) end end,
  [">"] = function(a, b) return function(e) return a(e) > b(e) end end,
  ["<="] = function(a, b) return function(e) return a(e) <= b(e) end end,
  [">="] = function(a, b) return function(e) return a(e) >= b(e) end end,
  ["=="] = function(a, b) return function(e) return a(e) == b(e) end end,
  ["~="] = function(a, b) return function(e) return a(e) ~= b(e) end end,
  ["and"] = function(a, b) return function(e) return a(e) and b(e) end end,
  ["or"] = function(a, b) return function(e) return a(e) or b(e) end end,
}
local function compile(tokens)
  local at = 1
  local function peek() return tokens[at].kind end
  local function take(kind)
    local t = tokens[at]
    if kind and t.kind ~= kind then error("expected " .. kind .. ", got " .. t.kind) end
    at = at + 1
    return t.text
  end
  local expr, body
  local function primary()
    local kind = peek()
    if kind == "number" then
      local n = tonumber(take())
      return function() return n end
    elseif kind == "(" then
      take()
      local v = expr(0)
      take(")")
      return v
    end
    local name = take("name")
    if peek() ~= "(" then return function(e) return e[name] end end
    take("(")
    local args = {}
    while peek() ~= ")" do
      args[#args + 1] = expr(0)
      if peek() == "," then take() end
    end
    take(")")
    return function(e)
      local f, values = e[name], {}
      for i = 1, #args do values[i] = args[i](e) end
      return f(values)
    end
  end
  function expr(limit)
    local left = primary()
    while true do
      local op = peek()
      local p = priority[op]
      if not p or p <= limit then return left end
      take()
      left = binary[op](left, expr(p))
    end
  end
  local function statement()
    local kind = peek()
    if kind == "while" then
      take()
      local condition = expr(0)
      take("do")
      local inner = body()
      take("end")
      return function(e)
        while condition(e) do
          local done, v = inner(e)
          if done then return true, v end
        end
      end
    elseif kind == "if" then
      take()
      local condition = expr(0)
      take("then")
      local yes, no = body(), nil
      if peek() == "else" then
        take()
        no = body()
      end
      take("end")
      return function(e)
        if condition(e) then return yes(e) elseif no then return no(e) end
      end
    elseif kind == "return" then
      take()
      local v = expr(0)
      return function(e) return true, v(e) end
    elseif kind == "function" then
      take()
      local name, names = take("name"), {}
      take("(")
      while peek() ~= ")" do
        names[#names + 1] = take("name")
        if peek() == "," then take() end
      end
      take(")")
      local inner = body()
      take("end")
      return function(e)
        e[name] = function(values)
          local scope = setmetatable({}, { __index = e })
          for i = 1, #names do scope[names[i]] = values[i] end
          local _, v = inner(scope)
          return v
        end
      end
    end
    local name = take("name")
    take("=")
    local v = expr(0)
    return function(e) e[name] = v(e) end
  end
  function body()
    local list = {}
    while not (peek() == "end" or peek() == "else" or peek() == "eof") do list[#list + 1] = statement() end
    return function(e)
      for i = 1, #list do
        local done, v = list[i](e)
        if done then return true, v end
      end
    end
  end
  return body()
end
local source = [[
  function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  function gcd(a, b) while b ~= 0 do t = a % b a = b b = t end return a end
  i = 0 s = 0
  while i < 2000 do
    if i % 3 == 0 and i % 5 ~= 0 then s = s + i * 2 else s = s + 1 end
    i = i + 1
  end
  return s + fib(11) + gcd(1071, 462)
]]
local sum = 0
for _ = 1, N do
  local _, v = compile(lex(source))({})
  sum = (sum + v) % 1000003
end
print("lua_in_lua", N, sum)

-- parser: a recursive-descent parser and evaluator of small methods and short matches. arg[1] = expressions.
local N = (arg and arg[1] or 75000) + 0

local Lexer = {}
Lexer.__index = Lexer
function Lexer.new(text) return setmetatable({ text = text, at = 1, kind = nil, value = nil }, Lexer):next() end
function Lexer:next()
  local _, stop = self.text:find("^%s*", self.at)
  self.at = stop + 1
  local number = self.text:match("^%d+", self.at)
  if number then
    self.kind, self.value = "number", tonumber(number)
    self.at = self.at + #number
    return self
  end
  local name = self.text:match("^[%a_][%w_]*", self.at)
  if name then
    self.kind, self.value = "name", name
    self.at = self.at + #name
    return self
  end
  local c = self.text:sub(self.at, self.at)
  if c == "" then c = "eof" end
  self.kind, self.value = c, c
  self.at = self.at + 1
  return self
end
function Lexer:accept(kind)
  if self.kind ~= kind then return false end
  self:next()
  return true
end
function Lexer:expect(kind) if not self:accept(kind) then error("expected " .. kind .. " at " .. self.at) end end

local Parser = {}
Parser.__index = Parser
function Parser:primary()
  local lexer = self.lexer
  if lexer.kind == "number" then
    local node = { op = "number", value = lexer.value }
    lexer:next()
    return node
  elseif lexer.kind == "name" then
    local node = { op = "name", value = lexer.value }
    lexer:next()
    return node
  elseif lexer:accept("(") then
    local node = self:sum()
    lexer:expect(")")
    return node
  end
  error("unexpected " .. tostring(lexer.kind))
end
function Parser:unary()
  if self.lexer:accept("-") then return { op = "neg", a = self:unary() } end
  return self:primary()
end
function Parser:product()
  local node = self:unary()
  while true do
    local op = self.lexer.kind
    if op ~= "*" and op ~= "/" then return node end
    self.lexer:next()
    node = { op = op, a = node, b = self:unary() }
  end
end
function Parser:sum()
  local node = self:product()
  while true do
    local op = self.lexer.kind
    if op ~= "+" and op ~= "-" then return node end
    self.lexer:next()
    node = { op = op, a = node, b = self:product() }
  end
end
local eval = {
  number = function(n) return n.value end,
  name = function(n, env) return env[n.value] or 0 end,
}
local function run(n, env) return eval[n.op](n, env) end
eval.neg = function(n, env) return -run(n.a, env) end
eval["+"] = function(n, env) return run(n.a, env) + run(n.b, env) end
eval["-"] = function(n, env) return run(n.a, env) - run(n.b, env) end
eval["*"] = function(n, env) return run(n.a, env) * run(n.b, env) % 10007 end
eval["/"] = function(n, env) return run(n.a, env) // (run(n.b, env) + 20011) end

local texts = {
  "1 + 2 * (3 - x) * -y + 10 / (z + 1)",
  "((alpha + beta) * (alpha - beta)) + gamma_1 * 12 - 7",
  "a*b + c*d - e*(f + g*(h + 1))",
  "  42 ",
}
local env = { x = 5, y = 6, z = 7, alpha = 11, beta = 3, gamma_1 = 2, a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8 }
local sum = 0
for i = 1, N do
  local parser = setmetatable({ lexer = Lexer.new(texts[i % 4 + 1]) }, Parser)
  local tree = parser:sum()
  env.x = i % 10
  sum = (sum + run(tree, env)) % 1000003
end
print("parser", N, sum)

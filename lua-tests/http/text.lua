-- test: processes
-- Heads, chunks and texts of HTTP, without a connection.
local core, text, http = require 'concurrent.http.core', require 'concurrent.http.text', require 'concurrent.http'

local head = 'POST /a?b HTTP/1.1\r\nHost: h\r\nCookie: a\r\ncookie: b\r\nX: 1\r\nx: 2\r\nContent-Length: 12\r\nConnection: close\r\n\r\n'
local function request(s, from, seen) return core.request(s, from, seen, 100, 1000, 20) end
for cut = 0, #head - 1 do assert(request(head:sub(1, cut), 1, 1) == false) end
local begins, method, target, minor, fields, length, stays, expects = request('junk' .. head .. 'body', 5, 5)
assert(begins == #head + 5 and method == 'POST' and target == '/a?b' and minor == 1 and length == 12 and not stays and not expects)
assert(fields.host == 'h' and fields.cookie == 'a; b' and fields.x == '1, 2' and fields['content-length'] == '12')
local n = 0
for _ in pairs(fields) do n = n + 1 end
assert(n == 5)
local none, status, why = request('GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 1, 1)
assert(none == nil and status == 400 and why:find 'host')
local begins, status, reason, minor, fields, length, stays =
  core.response('HTTP/1.0 404 Not Found\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n', 1, 1, 100, 1000, 20)
assert(begins == 57 and status == 404 and reason == 'Not Found' and minor == 0 and length == -2 and not stays, begins)
assert(#fields['set-cookie'] == 2 and fields['set-cookie'][2] == 'b')
assert(not pcall(request, 'GET', 5, 1) and not pcall(request, 'GET', 0, 1) and not pcall(core.request, 'GET', 1, 1, -1, 0, 0))
local size, at = core.chunk('..1f;x\r\n', 3)
assert(size == 31 and at == 9)
assert(core.chunk('1f', 1) == false and core.chunk('', 1) == false)
assert(core.chunk('g\r\n', 1) == nil)

assert(http.decode 'a%20b%2Fc%zz%' == 'a b/c%zz%' and http.decode 'a+b' == 'a+b')
assert(http.encode 'a b/ü~' == 'a%20b%2F%C3%BC~')
local values = http.parse_query 'a=1&b=x+y%26&c&a=2&=z'
assert(values.a == '2' and values.b == 'x y&' and values.c == '' and values[''] == 'z')
assert(http.make_query { b = 'x y&', a = 1 } == 'a=1&b=x%20y%26')
local host, port, target, authority = text.parse_url 'http://localhost?x#y'
assert(host == 'localhost' and port == 80 and target == '/?x' and authority == 'localhost')
local host, port, target, authority = text.parse_url 'HTTP://[::1]:8080/a/b?c'
assert(host == '::1' and port == 8080 and target == '/a/b?c' and authority == '[::1]:8080')
for _, wrong in ipairs { 'localhost', 'http:///x', 'http://a:b/', 'http://a:99999/', 'http://u@a/', 'http://a /', 'ftp://a/' } do
  assert(text.parse_url(wrong) == nil, wrong)
end
assert(text.http_date(784111777) == 'Sun, 06 Nov 1994 08:49:37 GMT')

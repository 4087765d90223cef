-- test: processes
-- `mime.core`: filters, of whole texts and of pieces.
local mime = require 'mime.core'
assert(mime._VERSION == 'MIME 1.0.3')
local function same(a, b, x, y) assert(x == a and y == b, tostring(x) .. ', ' .. tostring(y)) end
local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(text, 1, true), message)
end

same('Zm9v', 'ba', mime.b64('foob', 'a'))
same('Zm9vYmE=', nil, mime.b64 'fooba')
same('', 'fo', mime.b64('fo', ''))
same(nil, nil, mime.b64 '')
same(nil, nil, mime.b64())
same('foo', 'Ym', mime.unb64('Zm9v', 'Y\r\nm'))
same('f', nil, mime.unb64 'Zg==')
same('a=3Db\r\n', nil, mime.qp 'a=b\r\n')
same('x', ' ', mime.qp('x', ' '))
same('x=0D=0A', '', mime.qp('x', '\r\n', '=0D=0A'))
same('a=bc', '=4', mime.unqp('a=3Db=\r\nc', '=4'))
same('ab\r\ncd\r\ne', 1, mime.wrp(2, 'abcde', 2))
same('\r\n', 76, mime.wrp(3))
same(nil, 4, mime.wrp(4, nil, 4))
same('=\r\n', 76, mime.qpwrp(3))
same('ab=\r\n=3D', 1, mime.qpwrp(4, 'ab=3D', 4))
same('a|b|', 13, mime.eol(0, 'a\nb\r', '|'))
same('c', 0, mime.eol(13, '\nc', '|'))
same(nil, 0, mime.eol(0))
same('..a\r\n..b', 0, mime.dot(2, '.a\r\n.b'))
same(nil, 2, mime.dot(0))
fails('number expected', mime.wrp)
fails('string expected', mime.b64, {})

-- Long texts, in pieces of any length, and at once.
local parts = {}
for i = 1, 3000 do parts[i] = string.char(i * 7919 % 256, i % 251, i % 13 + 32) end
local text = table.concat(parts)
for _, codec in ipairs { { mime.b64, mime.unb64 }, { mime.qp, mime.unqp } } do
  local encode, decode = codec[1], codec[2]
  local function through(f, text, size)
    local out, rest = {}, ''
    for i = 1, #text, size do
      local made
      made, rest = f(rest, text:sub(i, i + size - 1))
      out[#out + 1] = made
    end
    out[#out + 1] = f(rest) or ''
    return table.concat(out)
  end
  local coded = encode(text)
  assert(#coded > #text and through(encode, text, 997) == coded)
  -- Base64 says all; quoted-printable drops what is no text, but encoded.
  assert(decode(coded) == text and through(decode, coded, 1001) == text)
end
assert(mime.b64(('xyz'):rep(70000)) == ('eHl6'):rep(70000))

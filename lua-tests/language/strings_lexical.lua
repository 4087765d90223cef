-- Literal strings: escapes, long brackets, line ends.

assert('\a\b\f\n\r\t\v\\\"\'' == string.char(7, 8, 12, 10, 13, 9, 11, 92, 34, 39))
assert("it's" == 'it\'s' and '"' == "\"")
assert('\65\066\1234' == 'AB{4' and '\0' == string.char(0) and '\x41\x7a\xFf' == 'Az\255')
assert('\u{41}\u{e9}\u{20AC}\u{10FFFF}' == 'A\xC3\xA9\xE2\x82\xAC\xF4\x8F\xBF\xBF')
assert('\u{7FFFFFFF}' == '\xFD\xBF\xBF\xBF\xBF\xBF' and '\u{0}' == '\0')
assert('a\z
        b\z   c' == 'abc')
assert('line\
two' == 'line\ntwo')

-- long brackets
assert([[a]] == 'a' and [==[a]]b]=]c]==] == 'a]]b]=]c' and [[]] == '')
assert([[
first newline is skipped]] == 'first newline is skipped')
assert([[

two]] == '\ntwo')
assert([[\n]] == '\\n' and #[[\]] == 1)
assert([=[[[x]]]=] == '[[x]]')

-- all kinds of line ends count as one newline
assert(load('return [[a\r\nb\n\rc\rd\ne]]')() == 'a\nb\nc\nd\ne')
assert(load("return 'a\\\r\nb'")() == 'a\nb')
assert(load('return [[\r\nx]]')() == 'x')

-- comments
--[[ a long
comment ]] assert(true)
--[==[ another ]]
]] ]==]
local x = 1 --[[inline]] + 2
assert(x == 3)
---[[ not a long comment
x = x + 1
--]]
assert(x == 4)
--[ also a short comment

-- embedded zeros in source
assert(load("return 'a\0b'")() == 'a\0b')
assert(load('return [[\0]]')() == '\0')
assert(load("-- \0 comment\nreturn 1")() == 1)

-- bad literals
local function bad(code, msg)
  local f, e = load(code, '=s')
  assert(f == nil and e == msg, e)
end
bad("x = 'abc", "s:1: unfinished string near <eof>")
bad("x = 'abc\n'", "s:1: unfinished string near ''abc'")
bad("x = '\\q'", "s:1: invalid escape sequence near ''\\q'")
bad("x = '\\300'", "s:1: decimal escape too large near ''\\300''")
bad("x = '\\xZ1'", "s:1: hexadecimal digit expected near ''\\xZ'")
bad("x = '\\x1'", "s:1: hexadecimal digit expected near ''\\x1''")
bad("x = '\\u41'", "s:1: missing '{' near ''\\u4'")
bad("x = '\\u{80000000}'", "s:1: UTF-8 value too large near ''\\u{80000000'")
bad("x = '\\u{41'", "s:1: missing '}' near ''\\u{41''")
bad("x = [[abc", "s:1: unfinished long string (starting at line 1) near <eof>")
bad("--[[abc\n\n", "s:3: unfinished long comment (starting at line 1) near <eof>")
bad("x = [=abc", "s:1: invalid long string delimiter near '[='")

-- Code that was loaded at run time, from text, from bytecode, in pieces, with an environment of its own.
for round = 1, 6 do
  local env = { n = round }
  local f = assert(load('local a = ... n = n + a return function() return n * 2 end', '=made', 't', env))
  local g = f(5)
  assert(env.n == round + 5 and g() == 2 * (round + 5))
  local dumped = load(string.dump(function(x) local t = {} for i = 1, x do t[i] = i end return #t end), 'again', 'b')
  assert(dumped(10) == 10)
  local pieces, i = { 'return ', '1 + ', round .. '' }, 0
  local h = assert(load(function() i = i + 1 return pieces[i] end))
  assert(h() == 1 + round)
  assert(debug.getinfo(f, 'S').source == '=made')
  local _, why = load('x = = 1', '=bad')
  assert(why:find '^bad:1:')
end

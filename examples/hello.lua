-- A process is created, prints as often as it was told, and ends.
-- Run it with: rlua-actor run examples/hello.lua

require 'concurrent'

function hello_world(times)
  for i = 1, times do print('hello world') end
  print('done')
end

concurrent.spawn(hello_world, 3)

concurrent.loop()

-- Two nodes that join a group at the same time, and meet meanwhile: each comes to know of both.
local concurrent = require 'concurrent'
local group = require 'concurrent.group'
local other = concurrent.node() == 'n1@sim' and 'n2@sim' or 'n1@sim'
if math.random(2) == 1 then concurrent.isnodealive(other) end
if math.random(2) == 1 then group.members 'early' end
concurrent.sleep(math.random(4) - 1)
group.join 'all'
concurrent.sleep(math.random(4) - 1)
concurrent.isnodealive(other)
group.join('all', concurrent.spawn(concurrent.receive))
concurrent.sleep(5000)
assert(#group.members 'all' == 2 * #concurrent.nodes() + 2, concurrent.node() .. ' knows of ' .. #group.members 'all')
concurrent.sleep(1000)
os.exit(0)

-- `ps`: has the node make the table, and prints it. `arg`: the node, the text of node.lua, the order, how many.
local tool = assert(load(arg[2], '=node.lua'))()
visit('ps', tool.tell, arg[3], tonumber(arg[4]))
local text
repeat text = told().text until text
print(text)

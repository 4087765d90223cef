-- What may help when a node cannot be reached: a global function of the tools' programs.
local advices = {
  { 'cookie%?', 'both need the same cookie: --cookie-file FILE says which' },
  { 'no port mapper', 'no node with a name runs there, or a firewall is in between' },
  { 'no node ', '`rlua-actor pmd --list` shows the nodes of its host' },
  { '[Rr]efused', 'no node listens there' },
}
function advice(why)
  for _, a in ipairs(advices) do
    if why:find(a[1]) then return why .. ' (' .. a[2] .. ')' end
  end
  return why
end

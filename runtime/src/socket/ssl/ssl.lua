-- `ssl`: TLS by LuaSec's names: contexts, and connections of TCP that become encrypted.
--
-- A context is plain data: { mode =, id = what ssl.core makes a configuration of }; so it may be sent, and go along when its process moves.
local core = require 'ssl.core'
local type, error, setmetatable, getmetatable, tostring, pairs, ipairs = type, error, setmetatable, getmetatable, tostring, pairs, ipairs
local format, find, concat = string.format, string.find, table.concat

local Context = { __name = 'SSL:Context' }
local FIELDS = { mode = true, protocol = true, verify = true, cafile = true, capath = true, certificate = true, key = true, alpn = true, options = true }
-- What LuaSec has besides, and why it is not there.
local ABSENT = {
  password = 'keys are without one', ciphers = 'all that there are are safe',
  ciphersuites = 'all that there are are safe', certificates = 'one certificate for a context; sni takes several contexts', depth = 'chains may have any length that is sound',
  dhparam = 'there is none in what is spoken here', curve = 'curves are agreed on', curves_list = 'curves are agreed on',
  verifyext = 'all is checked or nothing', dane = 'it is not done',
}
-- Names of protocols, and of options that leave one out.
local PROTOCOLS = { any = 'any', tls = 'any', sslv23 = 'any', tlsv1_2 = 'tlsv1_2', tlsv1_3 = 'tlsv1_3' }
local VERIFY = { none = true, peer = true, client_once = true, fail_if_no_peer_cert = true }

local function wrong(text) return nil, text end
-- The values of a parameter that is a name or an array of names, as a set.
local function set(v, name)
  local all = {}
  if v == nil then return all end
  if type(v) == 'string' then v = { v } end
  if type(v) ~= 'table' then return wrong(format("parameter '%s': a name or an array of names expected, got %s", name, type(v))) end
  for _, one in ipairs(v) do
    if type(one) ~= 'string' then return wrong(format("parameter '%s': names expected, got %s", name, type(one))) end
    all[one] = true
  end
  return all
end
local function path(params, name)
  local v = params[name]
  if v == nil then return '' end
  if type(v) ~= 'string' or v == '' or find(v, '%z') then return wrong(format("parameter '%s': path of a file expected", name)) end
  return v
end
-- The id of parameters; or nil and what is wrong with them.
local function id_of(params)
  for name in pairs(params) do
    if ABSENT[name] then return wrong(format("parameter '%s' is not done by this program: %s", name, ABSENT[name])) end
    if not FIELDS[name] then return wrong(format("there is no parameter '%s'", tostring(name))) end
  end
  local mode = params.mode
  if mode ~= 'client' and mode ~= 'server' then return wrong(format("invalid mode (%s): 'client' or 'server' expected", tostring(mode))) end
  local protocol = PROTOCOLS[params.protocol or 'any']
  if not protocol then return wrong(format("invalid protocol (%s): 'any', 'tlsv1_2' or 'tlsv1_3' expected", tostring(params.protocol))) end
  local options, why = set(params.options, 'options')
  if not options then return wrong(why) end
  if options.no_tlsv1_2 or options.no_tlsv1_3 then
    if protocol ~= 'any' or options.no_tlsv1_2 and options.no_tlsv1_3 then return wrong "parameter 'options' leaves no protocol" end
    protocol = options.no_tlsv1_2 and 'tlsv1_3' or 'tlsv1_2'
  end
  local verify, why = set(params.verify, 'verify')
  if not verify then return wrong(why) end
  for name in pairs(verify) do
    if not VERIFY[name] then return wrong(format("invalid verify option (%s): 'none', 'peer' or 'fail_if_no_peer_cert' expected", name)) end
  end
  if verify.none and verify.peer then return wrong "parameter 'verify' says both 'none' and 'peer'" end
  -- Certificates of servers are checked unless it is said; those of clients are asked for if it is.
  local checks = 'none'
  if mode == 'client' then
    if not verify.none then checks = 'peer' end
  elseif verify.peer then
    checks = verify.fail_if_no_peer_cert and 'peer' or 'any'
  end
  local cafile, why_cafile = path(params, 'cafile')
  local capath, why_capath = path(params, 'capath')
  local certificate, why_certificate = path(params, 'certificate')
  local key, why_key = path(params, 'key')
  if not (cafile and capath and certificate and key) then return wrong(why_cafile or why_capath or why_certificate or why_key) end
  local parts = { mode, protocol, checks, cafile, capath, certificate, key }
  local alpn = params.alpn
  if type(alpn) == 'string' then alpn = { alpn } end
  if alpn ~= nil and type(alpn) ~= 'table' then return wrong "parameter 'alpn': a protocol or an array of them expected" end
  for _, one in ipairs(alpn or {}) do
    if type(one) ~= 'string' or one == '' or #one > 255 or find(one, '%z') then return wrong "parameter 'alpn': names of protocols expected" end
    parts[#parts + 1] = one
  end
  return concat(parts, '\0')
end

-- A context, whose files are read; or nil and what is wrong.
local function newcontext(params)
  if type(params) ~= 'table' then error("bad argument #1 to 'newcontext' (parameters (a table) expected, got " .. type(params) .. ')', 2) end
  local id, why = id_of(params)
  if not id then return nil, why end
  local ok, why = core.configure(id)
  if not ok then return nil, why end
  return setmetatable({ mode = params.mode, id = id }, Context)
end

-- An encrypted connection by a context or its parameters, in the place of a connection of TCP; or nil and what is wrong.
local function wrap(sock, params)
  local context, why = params, nil
  if type(params) ~= 'table' then error("bad argument #2 to 'wrap' (a context or its parameters (a table) expected, got " .. type(params) .. ')', 2) end
  if getmetatable(params) ~= Context then
    context, why = newcontext(params)
    if not context then return nil, why end
  end
  return core.wrap(sock, context.id)
end

return { _VERSION = '1.3.2', newcontext = newcontext, wrap = wrap, config = { protocols = { tlsv1_2 = true, tlsv1_3 = true, any = true },
  capabilities = { alpn = true }, algorithms = {}, curves = {}, options = { no_tlsv1_2 = true, no_tlsv1_3 = true } } }

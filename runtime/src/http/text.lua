-- `concurrent.http.text`: texts of HTTP: percent-coding, queries, URLs, names of statuses, dates, fields.
local type, tostring, tonumber, pairs, error = type, tostring, tonumber, pairs, error
local char, byte, format, gsub, find, match, gmatch, sub, lower = string.char, string.byte, string.format, string.gsub, string.find,
  string.match, string.gmatch, string.sub, string.lower
local date, concat, sort = os.date, table.concat, table.sort

local REASONS = {
  [100] = 'Continue', [101] = 'Switching Protocols', [200] = 'OK', [201] = 'Created', [202] = 'Accepted',
  [203] = 'Non-Authoritative Information', [204] = 'No Content', [205] = 'Reset Content', [206] = 'Partial Content',
  [300] = 'Multiple Choices', [301] = 'Moved Permanently', [302] = 'Found', [303] = 'See Other', [304] = 'Not Modified',
  [307] = 'Temporary Redirect', [308] = 'Permanent Redirect', [400] = 'Bad Request', [401] = 'Unauthorized',
  [402] = 'Payment Required', [403] = 'Forbidden', [404] = 'Not Found', [405] = 'Method Not Allowed', [406] = 'Not Acceptable',
  [408] = 'Request Timeout', [409] = 'Conflict', [410] = 'Gone', [411] = 'Length Required', [412] = 'Precondition Failed',
  [413] = 'Content Too Large', [414] = 'URI Too Long', [415] = 'Unsupported Media Type', [416] = 'Range Not Satisfiable',
  [417] = 'Expectation Failed', [418] = "I'm a teapot", [421] = 'Misdirected Request', [422] = 'Unprocessable Content',
  [425] = 'Too Early', [426] = 'Upgrade Required', [428] = 'Precondition Required', [429] = 'Too Many Requests',
  [431] = 'Request Header Fields Too Large', [451] = 'Unavailable For Legal Reasons', [500] = 'Internal Server Error',
  [501] = 'Not Implemented', [502] = 'Bad Gateway', [503] = 'Service Unavailable', [504] = 'Gateway Timeout',
  [505] = 'HTTP Version Not Supported',
}

local function decoded(digits) return char(tonumber(digits, 16)) end
-- The bytes that `%41` and its like stand for; what is no such triple stays.
local function decode(text)
  if not find(text, '%', 1, true) then return text end
  return (gsub(text, '%%(%x%x)', decoded))
end
local function encoded(c) return format('%%%02X', byte(c)) end
-- A text as it may stand in any part of a URL.
local function encode(text) return (gsub(tostring(text), '[^%w._~-]', encoded)) end

local function form_decoded(text)
  if find(text, '+', 1, true) then text = gsub(text, '+', ' ') end
  return decode(text)
end
-- The values of a query or a form by their names; of a name that comes twice the last.
local function parse_query(text)
  local values = {}
  for part in gmatch(text, '[^&]+') do
    local at = find(part, '=', 1, true)
    if at then
      values[form_decoded(sub(part, 1, at - 1))] = form_decoded(sub(part, at + 1))
    else
      values[form_decoded(part)] = ''
    end
  end
  return values
end
-- The other way, in the order of the names.
local function make_query(values)
  local parts = {}
  for name, value in pairs(values) do parts[#parts + 1] = encode(name) .. '=' .. encode(value) end
  sort(parts)
  return concat(parts, '&')
end

-- The parts of a URL: host, port, target, the host as a field has it, and whether it is of https; or nil and what is wrong.
local function parse_url(url)
  if find(url, '[%c ]') then return nil, format("'%s' is no URL: it has a space or a control character", sub(url, 1, 100)) end
  local scheme, authority, rest = match(url, '^(%a[%w+.-]*)://([^/?#]*)([^#]*)')
  if not scheme then return nil, format("'%s' is no URL such as http://host:port/path", sub(url, 1, 100)) end
  scheme = lower(scheme)
  if scheme ~= 'http' and scheme ~= 'https' then
    return nil, format("'%s': the scheme is '%s', and 'http' and 'https' alone can be had", sub(url, 1, 100), scheme)
  end
  if find(authority, '@', 1, true) then
    return nil, format("'%s': a name and password in a URL are not sent; use the field 'authorization'", sub(url, 1, 100))
  end
  local host, port = match(authority, '^%[([%x:.]+)%](.*)$')
  if not host then host, port = match(authority, '^([^:%[%]]+)(.*)$') end
  local number = scheme == 'https' and 443 or 80
  if host and port ~= '' then number = tonumber(match(port, '^:(%d+)$')) end
  if not host or not number or number > 65535 then return nil, format("'%s': no host, or no port, in '%s'", sub(url, 1, 100), authority) end
  if rest == '' or sub(rest, 1, 1) == '?' then rest = '/' .. rest end
  return host, number, rest, authority, scheme == 'https'
end

-- What is wrong with a field.
local function field_fault(name, value)
  if type(name) ~= 'string' or name == '' or find(name, "[^%w!#$%%&'*+.^_`|~-]") then
    return format("'%s' cannot be the name of a field", sub(tostring(name), 1, 100))
  end
  local kind = type(value)
  if kind ~= 'string' and kind ~= 'number' then
    return format("field '%s' is a %s, and must be a string, a number, or an array of strings", name, kind)
  end
  if kind == 'string' and find(value, '[\r\n%z]') then
    return format("field '%s' has the end of a line in it", name)
  end
end
-- Appends the lines of some fields to a list; of those that `own` names the values are returned by their names instead.
local function fields(lines, all, own)
  local n, found = #lines, nil
  for name, value in pairs(all) do
    local values = type(value) == 'table' and value or nil
    for i = 1, values and #values or 1 do
      if values then value = values[i] end
      local why = field_fault(name, value)
      if why then error(why, 0) end
      local small = lower(name)
      if own[small] then
        found = found or {}
        found[small] = tostring(value)
      else
        n = n + 1
        lines[n] = name .. ': ' .. value .. '\r\n'
      end
    end
  end
  return found
end

-- The date of a time in seconds since 1970, as fields have it.
local function http_date(seconds) return date('!%a, %d %b %Y %H:%M:%S GMT', seconds) end

return {
  REASONS = REASONS, decode = decode, encode = encode, parse_query = parse_query, make_query = make_query, parse_url = parse_url,
  fields = fields, http_date = http_date,
}

-- os: time, date in UTC, difftime, clock, getenv.

-- fixed moments in UTC
local function d(f, t) return os.date('!' .. f, t) end
assert(d('%Y-%m-%d %H:%M:%S', 0) == '1970-01-01 00:00:00' and d('%Y-%m-%d %H:%M:%S', 951782400) == '2000-02-29 00:00:00')
assert(d('%d/%m/%y %I %p %j', 951782400 + 13 * 3600) == '29/02/00 01 PM 060' and d('%M%%%S', 61) == '01%01')
assert(d('%a %A %b %B', 0) == 'Thu Thursday Jan January' and d('%c', 0) == 'Thu Jan  1 00:00:00 1970')
assert(d('%x %X %D %F %T %R', 86399) == '01/01/70 23:59:59 01/01/70 1970-01-01 23:59:59 23:59')
assert(d('%e %u %w %C %U %W %V %G %g %h %n%t', 0) == ' 1 4 4 19 00 00 01 1970 70 Jan \n\t')
assert(d('', 0) == '' and d('plain', 0) == 'plain' and d('%Y', -86400) == '1969' and d('%Y', 4102444800) == '2100')

-- the table form
local t = os.date('!*t', 951782400 + 3661)
assert(t.year == 2000 and t.month == 2 and t.day == 29 and t.hour == 1 and t.min == 1 and t.sec == 1)
assert(t.wday == 3 and t.yday == 60 and t.isdst == false)

-- os.time and os.date are inverse, whatever the time zone
local now = os.time()
assert(math.type(now) == 'integer' and os.time(os.date('*t', now)) == now)
local base = os.time { year = 2020, month = 1, day = 1 }           -- hour defaults to 12
assert(os.date('%Y-%m-%d %H', base) == '2020-01-01 12')

-- normalisation
local function norm(y, mo, day, h, mi, s)
  local tab = { year = y, month = mo, day = day, hour = h, min = mi, sec = s }
  os.time(tab)
  return ('%d-%d-%d %d:%d:%d'):format(tab.year, tab.month, tab.day, tab.hour, tab.min, tab.sec), tab
end
assert(norm(2021, 13, 1, 12, 0, 0) == '2022-1-1 12:0:0')
assert(norm(2021, 1, 32, 12, 0, 0) == '2021-2-1 12:0:0')
assert(norm(2020, 3, 0, 12, 0, 0) == '2020-2-29 12:0:0')
assert(norm(2021, 1, 1, 12, 90, -30) == '2021-1-1 13:29:30')
assert(norm(2021, 0, 15, 12, 0, 0) == '2020-12-15 12:0:0')
local _, tab = norm(2021, 6, 15, 12, 0, 0)
assert(tab.wday == 3 and tab.yday == 166)

-- difftime, clock, getenv
assert(os.difftime(5, 3) == 2.0 and math.type(os.difftime(5, 3)) == 'float' and os.difftime(now, now) == 0)
local c = os.clock()
assert(math.type(c) == 'float' and c >= 0 and os.clock() >= c)
assert(os.getenv 'RLUA_ACTOR_NO_SUCH_VARIABLE' == nil and type(os.getenv 'PATH') == 'string')

-- errors
local function fails(msg, f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok and e:find(msg, 1, true), e)
end
fails("field 'day' missing in date table", os.time, { year = 2020, month = 1 })
fails("field 'month' is not an integer", os.time, { year = 2020, month = 'x', day = 1 })
fails("field 'day' is not an integer", os.time, { year = 2020, month = 1, day = 1.5 })
fails("field 'year' is out-of-bound", os.time, { year = 1 << 40, month = 1, day = 1 })
fails("invalid conversion specifier '%Ez'", os.date, '%Ez', 0)
fails("invalid conversion specifier '%Q'", os.date, '%Q', 0)
fails("invalid conversion specifier '%'", os.date, '%', 0)
fails('number expected, got string', os.date, '*t', 'x')
assert(os.time { year = '2020', month = '01', day = 1, hour = 12 } == base)

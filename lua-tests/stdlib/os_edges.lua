-- os: defaults and results of each function.

-- clock, difftime, getenv
assert(math.type(os.clock()) == 'float' and os.clock() >= 0)
assert(os.difftime(10, 4) == 6.0 and math.type(os.difftime(10, 4)) == 'float' and os.difftime(4, 10) == -6.0 and os.difftime(5, 5) == 0.0)
assert(os.difftime(10.0, '4') == 6.0)
assert(os.getenv 'RLUA_NO_SUCH_VARIABLE' == nil and select('#', os.getenv 'RLUA_NO_SUCH_VARIABLE') == 1 and os.getenv '' == nil)

-- time: now, from a table, defaults, normalisation of the table
local now = os.time()
assert(math.type(now) == 'integer' and os.time() - now < 100 and os.time(nil) >= now)
local noon = os.time { year = 2024, month = 2, day = 29 }
assert(noon == os.time { year = 2024, month = 2, day = 29, hour = 12, min = 0, sec = 0 } and noon == os.time { year = '2024', month = ' 2 ', day = 29.0, hour = '0xc' })
local t = { year = 2024, month = 14, day = -3, hour = 25, min = 61, sec = 3601, extra = 'kept' }
local at = os.time(t)
assert(t.year == 2025 and t.month == 1 and t.day == 29 and t.hour == 3 and t.min == 1 and t.sec == 1 and t.extra == 'kept', t.day .. ' ' .. t.hour)
assert(t.wday == 4 and t.yday == 29 and t.isdst == false and os.time(t) == at)
t = setmetatable({}, { __index = { year = 2000, month = 1, day = 1, hour = 0 } })
assert(os.date('%Y-%m-%d %H', os.time(t)) == '2000-01-01 00' and rawget(t, 'yday') == 1)
assert(os.time { year = 1970, month = 1, day = 2, hour = 0 } - os.time { year = 1970, month = 1, day = 1, hour = 0 } == 86400)
assert(os.time { year = 1969, month = 12, day = 31 } < os.time { year = 1970, month = 1, day = 2 } and os.time { year = 1, month = 1, day = 1 } < 0)

-- date: the default format is %c, the default time is now; the table
assert(os.date('%c', now) == os.date(nil, now) and #os.date() > 10 and os.date('!%H:%M:%S', 3661) == '01:01:01' and os.date('!%Y', -1) == '1969')
local d = os.date('!*t', 86399)
assert(d.year == 1970 and d.month == 1 and d.day == 1 and d.hour == 23 and d.min == 59 and d.sec == 59 and d.wday == 5 and d.yday == 1 and d.isdst == false)
local names = {}
for k in pairs(d) do names[#names + 1] = k end
table.sort(names)
assert(table.concat(names, ' ') == 'day hour isdst min month sec wday yday year')
assert(os.time(os.date '*t') - now < 100 and os.date('*t', 0.0).year <= 1970 and os.date('!*t', '86400').day == 2)

-- every conversion of C99, in UTC
local moment = 1078009445   -- Saturday, the 28th of February 2004, 23:04:05
local function is(want, f) local got = os.date('!' .. f, moment) assert(got == want, f .. ' ' .. got) end
is('Sat Saturday Feb February', '%a %A %b %B') is('Sat Feb 28 23:04:05 2004', '%c') is('20 28 02/28/04 28', '%C %d %D %e') is('2004-02-28 04 2004', '%F %g %G') is('Feb 23 11 059 02 04', '%h %H %I %j %m %M')
is('\n PM 11:04:05 PM 23:04 05 \t', '%n %p %r %R %S %t') is('23:04:05 6 08 09 6 08', '%T %u %U %V %w %W') is('02/28/04 23:04:05 04 2004 +0000', '%x %X %y %Y %z') is('%', '%%') is('GMT', '%Z')
is('20 04 2004 02/28/04 23:04:05', '%EC %Ey %EY %Ex %EX') is('28 28 23 11 02 04 05 6 08 09 6 08 04', '%Od %Oe %OH %OI %Om %OM %OS %Ou %OU %OV %Ow %OW %Oy') is('Sat Feb 28 23:04:05 2004', '%Ec') is('', '') is('a%b\0c', 'a%%b\0c')
assert(os.date('!%d %e %H %I %p %j', 0) == '01  1 00 12 AM 001' and os.date('!%I %p', 43200) == '12 PM' and os.date('!%U %W %V %G', 1104537600) == '00 00 53 2004')
assert(os.date('!%Y-%m-%d', 253402300800) == '10000-01-01' and os.date('!%y', -62135596800) == '01' and #os.date(('%c'):rep(20), 0) > 400)

-- remove, rename, tmpname
local a, b = os.tmpname(), os.tmpname()
assert(a ~= b and io.open(a, 'w'):close() and os.rename(a, b) == true and select('#', os.rename(b, a)) == 1)
assert(select('#', os.remove(a)) == 1 and select('#', os.remove(a)) == 3 and select('#', os.rename(a, b)) == 3)
os.remove(b)

-- setlocale: asking, setting, categories
assert(os.setlocale() == 'C' and os.setlocale(nil) == 'C' and os.setlocale 'C' == 'C' and os.setlocale('C', 'all') == 'C' and os.setlocale(nil, 'numeric') == 'C')
for _, category in ipairs { 'all', 'collate', 'ctype', 'monetary', 'numeric', 'time' } do assert(os.setlocale('C', category) == 'C' and os.setlocale('POSIX', category)) end
os.setlocale 'C'
assert(os.setlocale 'no such locale' == nil and os.setlocale('no such locale', 'time') == nil)
os.setlocale 'C'

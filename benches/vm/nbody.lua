-- Floats in fields of records: five bodies under gravity.

local steps = tonumber(arg and arg[1]) or 300000
local sqrt = math.sqrt

local DAYS = 365.24
local SUN = 4 * math.pi * math.pi

local function body(x, y, z, vx, vy, vz, mass)
  return { x = x, y = y, z = z, vx = vx * DAYS, vy = vy * DAYS, vz = vz * DAYS, mass = mass * SUN }
end

local bodies = {
  body(0, 0, 0, 0, 0, 0, 1),
  body(4.8414314424647209, -1.16032004402742839, -0.103622044471123109, 0.00166007664274403694, 0.00769901118419740425,
    -0.0000690460016972063023, 0.000954791938424326609),
  body(8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -0.00276742510726411899, 0.00499852801234917238,
    0.0000230417297573763929, 0.000285885980666130812),
  body(12.8943695621391310, -15.1111514016986312, -0.223307578892655734, 0.00296460137564761618, 0.00237847173959480950,
    -0.0000296589568540237556, 0.0000436624404335156298),
  body(15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.00268067772490389322, 0.00162824170038242295,
    -0.0000951592254519715870, 0.0000515138902046611451),
}

local function energy()
  local e = 0
  for i, b in ipairs(bodies) do
    e = e + 0.5 * b.mass * (b.vx * b.vx + b.vy * b.vy + b.vz * b.vz)
    for j = i + 1, #bodies do
      local c = bodies[j]
      local dx, dy, dz = b.x - c.x, b.y - c.y, b.z - c.z
      e = e - b.mass * c.mass / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return e
end

local function advance(dt)
  local n = #bodies
  for i = 1, n do
    local b = bodies[i]
    local x, y, z, mass = b.x, b.y, b.z, b.mass
    local vx, vy, vz = b.vx, b.vy, b.vz
    for j = i + 1, n do
      local c = bodies[j]
      local dx, dy, dz = x - c.x, y - c.y, z - c.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = dt / (square * sqrt(square))
      local own, other = c.mass * pull, mass * pull
      vx, vy, vz = vx - dx * own, vy - dy * own, vz - dz * own
      c.vx, c.vy, c.vz = c.vx + dx * other, c.vy + dy * other, c.vz + dz * other
    end
    b.vx, b.vy, b.vz = vx, vy, vz
    b.x, b.y, b.z = x + dt * vx, y + dt * vy, z + dt * vz
  end
end

-- The sun takes up what momentum the planets have.
local px, py, pz = 0, 0, 0
for _, b in ipairs(bodies) do
  px, py, pz = px + b.vx * b.mass, py + b.vy * b.mass, pz + b.vz * b.mass
end
bodies[1].vx, bodies[1].vy, bodies[1].vz = -px / SUN, -py / SUN, -pz / SUN

local before = energy()
for _ = 1, steps do advance(0.01) end
print(string.format('energy %.9f, then %.9f', before, energy()))

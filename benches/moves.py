#!/usr/bin/env python3
"""moves.py: what moves of processes between two nodes cost, and how much memory they take.

usage: benches/moves.py [--binary FILE] [--workers N] [--memory] [--heaps KIND...] [--rounds N]

Three nodes on this host, with a cookie and a port mapper of their own. Rates count bytes of the heap, not of its frozen form. The
figures hold for a machine that does nothing else; when others want the cores, say so beside them. With --memory only heaps of 100 MB move,
each kind once for each round and at nodes of its own, and for each the fastest move, the greatest peaks and the least processor
time are printed: how much more than before each node has had in memory, in heaps.
"""
import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processor_time(process):
    """Seconds of all cores that it has used."""
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024


# What 100 MB are of: each adds something to `t`, for the number `i`.
HEAPS = {
    "records": "t[i] = { id = i, x = i * 0.5, name = 'item ' .. i, text = ('x'):rep(200) }",
    "long strings": "t[i] = ('%08d'):format(i):rep(128 << 10)",
    "short strings": "t[i] = 'item ' .. i",
    "small tables": "t[i] = { i }",
    "empty tables": "t[i] = {}",
    "arrays of floats": "local a = {} for j = 1, 100000 do a[j] = i + j * 0.5 end t[i] = a",
    "one array of floats": "for j = i * 100000, i * 100000 + 99999 do t[j] = j * 0.5 end",
    "closures": "local a = i t[i] = function() a = a + 1 return a end",
    "deep coroutines": "t[i] = coroutine.create(deep) coroutine.resume(t[i], 180)",
}
MEMORY = """
local c = require 'concurrent'
assert(c.init 'large@localhost')
local root = c.self()
local function deep(n) local a, b, d = n, n + 1, n + 2 if n == 0 then coroutine.yield() else deep(n - 1) end return a + b + d end
c.spawn(function()
  local t, i = {}, 0
  while collectgarbage 'count' < 100 * 1024 do i = i + 1 %s end
  collectgarbage()
  c.send(root, collectgarbage 'count' / 1024)
  c.receive()
  local at = c.time()
  assert(c.migrate 'there@localhost')
  c.send(root, c.time() - at)
  c.receive()
end)
local child = c.processes()[2]
print(c.receive()) io.stdout:flush()
io.read() c.send(child, 1)
print(c.receive()) io.stdout:flush()
io.read() os.exit(0)
"""
CHECKPOINT = """
local c = require 'concurrent'
local t, i = {}, 0
while collectgarbage 'count' < %d * 1024 do i = i + 1 t[i] = { id = i, x = i * 0.5, name = 'item ' .. i, text = ('x'):rep(200) } end
collectgarbage()
local heap = collectgarbage 'count'
if c.checkpoint 'file' == true then print(heap / 1024) end
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/rlua-actor")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--heaps", nargs="*", choices=HEAPS)
    parser.add_argument("--rounds", type=int, default=1)
    a = parser.parse_args()
    binary = os.path.abspath(a.binary)
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, HOME=folder, RLUA_PMD_PORT=str(free_port()))

        def start(*arguments, **more):
            return subprocess.Popen([binary, *arguments], cwd=folder, env=environment, text=True, **more)

        def wait_for(name):
            while True:
                listed = subprocess.run([binary, "pmd", "--list"], env=environment, capture_output=True, text=True)
                if re.search(rf"^{name}\t", listed.stdout, re.M):
                    return
                time.sleep(0.01)

        def memory(kind):
            """The heap's size, the time of its move, how much more each side has in memory at the peak, and the processor time of
            each: at nodes that have done nothing else."""
            there = start("node", "--workers", a.workers, "there@localhost")
            nodes.append(there)
            wait_for("there")
            before = peak(there)
            large = start("run", "--workers", a.workers, "-e", MEMORY % HEAPS[kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            nodes.append(large)
            heap = float(large.stdout.readline())
            # Not what it took to be filled.
            with open(f"/proc/{large.pid}/clear_refs", "w") as refs:
                refs.write("5")
            filled = peak(large)
            used = processor_time(large), processor_time(there)
            large.stdin.write("\n")
            large.stdin.flush()
            moved = float(large.stdout.readline())
            origin, target = peak(large) - filled, peak(there) - before
            used = processor_time(large) - used[0], processor_time(there) - used[1]
            for node in (large, there):
                node.kill()
                node.wait()
                nodes.remove(node)
            return heap, moved, origin / heap, target / heap, *used

        nodes = []
        if a.memory:
            # The port mapper is in the first.
            nodes.append(start("node", "--workers", a.workers, "sender@localhost"))
            wait_for("sender")
            try:
                for kind in a.heaps or HEAPS:
                    all = [memory(kind) for _ in range(a.rounds)]
                    rate = max(one[0] / one[1] * 1000 for one in all)
                    origin, target = (max(one[i] for one in all) for i in (2, 3))
                    there, here = (min(one[i] for one in all) for i in (5, 4))
                    print(f"{kind:20} {all[0][0]:6.1f} MB {rate:6.1f} MB/s; origin {origin:5.2f} heaps more, {here:5.2f} s; "
                          f"target {target:5.2f} heaps, {there:5.2f} s", flush=True)
            finally:
                for node in nodes:
                    node.kill()
            return
        nodes += [start("node", "--workers", a.workers, f"{name}@localhost") for name in ("there", "sender")]
        try:
            wait_for("there")
            wait_for("sender")
            script = os.path.join(here, "actor", "moves.lua")
            if start("run", "--workers", a.workers, script).wait(600) != 0:
                sys.exit("moves.lua has failed")
            nodes[0].kill()
            nodes.pop(0).wait()
            heap, _, origin, target, _, _ = memory("records")
            print(f"{'heap that moves':44} {heap:10.1f} MB")
            print(f"{'  more at the origin, at the peak':44} {origin:10.2f} heaps")
            print(f"{'  at the target, at the peak':44} {target:10.2f} heaps")
            # A file, and back: the rest of the time is that of a small one.
            times = []
            for megabytes in (1, 100):
                made = subprocess.run([binary, "run", "-e", CHECKPOINT % megabytes], cwd=folder, env=environment,
                                      capture_output=True, text=True)
                heap = float(made.stdout)
                spent = []
                for _ in range(3):
                    at = time.perf_counter()
                    subprocess.run([binary, "resume", "file"], cwd=folder, env=environment, check=True)
                    spent.append(time.perf_counter() - at)
                times.append((heap, min(spent)))
            (small, base), (heap, whole) = times
            print(f"{'resume of a checkpoint: read, seal, thaw':44} {(heap - small) / (whole - base):10.1f} MB/s")
        finally:
            for node in nodes:
                node.kill()


main()

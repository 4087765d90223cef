#!/usr/bin/env python3
"""moves.py: what moves of processes between two nodes cost, and how much memory they take.

usage: benches/moves.py [--binary FILE] [--workers N]

Three nodes on this host, with a cookie and a port mapper of their own. Rates count bytes of the heap, not of its frozen form. The
figures hold for a machine that does nothing else; when others want the cores, say so beside them.
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


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024


MEMORY = """
local c = require 'concurrent'
assert(c.init 'large@localhost')
local root = c.self()
c.spawn(function()
  local t, i = {}, 0
  while collectgarbage 'count' < 100 * 1024 do i = i + 1 t[i] = { id = i, x = i * 0.5, name = 'item ' .. i, text = ('x'):rep(200) } end
  collectgarbage()
  c.send(root, collectgarbage 'count' / 1024)
  c.receive()
  assert(c.migrate 'there@localhost')
  c.send(root, #t)
  c.receive()
end)
local child = c.processes()[2]
print(c.receive()) io.stdout:flush()
io.read() c.send(child, 1) c.receive()
print 'moved' io.stdout:flush()
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

        nodes = [start("node", "--workers", a.workers, f"{name}@localhost") for name in ("there", "sender")]
        try:
            wait_for("there")
            wait_for("sender")
            script = os.path.join(here, "actor", "moves.lua")
            if start("run", "--workers", a.workers, script).wait(600) != 0:
                sys.exit("moves.lua has failed")
            # Memory, at nodes that have done nothing else.
            nodes[0].kill()
            nodes[0].wait()
            nodes[0] = start("node", "--workers", a.workers, "there@localhost")
            wait_for("there")
            before = peak(nodes[0])
            large = start("run", "--workers", a.workers, "-e", MEMORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            nodes.append(large)
            heap = float(large.stdout.readline())
            filled = peak(large)
            large.stdin.write("\n")
            large.stdin.flush()
            large.stdout.readline()
            print(f"{'heap that moves':44} {heap:10.1f} MB")
            print(f"{'  more at the origin, at the peak':44} {peak(large) - filled:10.1f} MB, {(peak(large) - filled) / heap:.2f} heaps")
            target = peak(nodes[0]) - before
            print(f"{'  at the target, at the peak':44} {target:10.1f} MB, {target / heap:.2f} heaps")
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

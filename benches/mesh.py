#!/usr/bin/env python3
"""mesh.py: how soon nodes that start at once on this host form a full network, and agree on names of all.

usage: benches/mesh.py [--nodes N] [--names N] [--binary FILE]

Each node is a process of its own with one worker; each registers its share of the names. Prints when the last one was
connected with all others and when it knew all names, in seconds since the first was started, and the time of all
processors together. Fails if two nodes see different processes under the names.
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from erlang import free_port

parser = argparse.ArgumentParser()
parser.add_argument("--nodes", type=int, default=50)
parser.add_argument("--names", type=int, default=1000)
parser.add_argument("--binary", default="target/release/rlua-actor")
a = parser.parse_args()
folder = tempfile.mkdtemp()
environment = dict(os.environ, HOME=folder, RLUA_PMD_PORT=str(free_port()))
script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "actor", "mesh.lua")
started, begun = [], time.monotonic()
try:
    for i in range(a.nodes):
        arguments = [f"n{i}@localhost", "n0@localhost" if i else "", str(a.nodes), str(a.names // a.nodes)]
        command = [os.path.abspath(a.binary), "run", "--workers", "1", script, *arguments]
        started.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    sums = set()
    for what in "joined", "agreed":
        for p in started:
            line = p.stdout.readline().split()
            if not line or line[0] != what:
                sys.exit(f"a node says {line}")
            sums.update(line[2:])
        print(f"{a.nodes} nodes: all have {what} after {time.monotonic() - begun:.2f} s")
    for p in started:
        p.stdin.close()
    for p in started:
        p.wait(30)
finally:
    for p in started:
        p.kill()
    shutil.rmtree(folder, ignore_errors=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{a.names // a.nodes * a.nodes} names; {used.ru_utime + used.ru_stime:.2f} s of processors")
if len(sums) != 1:
    sys.exit("the nodes see different processes under the names")

#!/usr/bin/env python3
"""erlang.py: rates of messages here and in Erlang, in paired runs: medians, and the ratio of each pair.

usage: benches/erlang.py [--nodes | --lives N] [--rounds N] [--workers N] [--binary FILE]

Needs erl and erlc (Debian: erlang-base). Each round runs both systems one after the other; a ratio above 1 means more
messages in a second than Erlang. With --nodes they are messages between two nodes on this host, and the table has the
time of all processors that one takes, at both nodes together. With --lives they are spawns and ends of N processes
(actor/lives.lua).
"""
import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

KINDS = [("ring", 1_000_000), ("pingpong", 500_000), ("pingpong-table", 500_000), ("fanin", 1_000_000), ("bigmsg", 10_000)]
LIVES = ["exit", "wait", "stop", "monitor", "build", "unwind"]
NODE_KINDS = [("trips", 20_000), ("small", 200_000), ("big", 100_000)]


def figures(command, folder, environment=None):
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    found = re.search(r"rate=(\d+)(?: cpu=([\d.]+))?", done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return int(found.group(1)), float(found.group(2) or 0)


def pair(server, client, folder, environment):
    """A server, and what its client says."""
    with subprocess.Popen(server, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as started:
        try:
            if started.stdout.readline() != "ready\n":
                sys.exit(f"{' '.join(server)}: does not begin")
            found = figures(client, folder, environment)
            started.wait(10)
            return found
        finally:
            started.kill()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def median_and_range(ratios):
    ratios = sorted(ratios)
    return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}..{ratios[-1]:.2f}]"


def nodes(a, here, folder):
    """Two nodes of each system; mappers and cookies of their own."""
    port = str(free_port())
    environment = dict(os.environ, HOME=folder, RLUA_PMD_PORT=port, ERL_EPMD_PORT=str(free_port()))
    run = [os.path.abspath(a.binary), "run", "--workers", str(a.workers), os.path.join(here, "actor", "nodes.lua")]
    common = ["-noshell", "-setcookie", "bench", "-kernel", "inet_dist_use_interface", "{127,0,0,1}", "+S", str(a.workers)]
    erl = lambda name: ["erl", *common, "-name", name, "-run", "nodes", "main"]
    server, client = "server@127.0.0.1", "client@127.0.0.1"
    print(f"{'':8} {'here':>10} {'Erlang':>10}  {'ratio':20} {'us here':>9} {'us Erlang':>9}")
    try:
        for kind, n in NODE_KINDS:
            ours, theirs = [], []
            for _ in range(a.rounds):
                ours.append(pair(run + ["server", server], run + ["client", client, server, kind, str(n)], folder, environment))
                theirs.append(pair(erl(server) + ["server"], erl(client) + ["client", server, kind, str(n)], folder, environment))
            median = lambda all, i: statistics.median(x[i] for x in all)
            ratios = [x[0] / y[0] for x, y in zip(ours, theirs)]
            print(f"{kind:8} {median(ours, 0):10.0f} {median(theirs, 0):10.0f}  {median_and_range(ratios):20} "
                  f"{median(ours, 1):9.2f} {median(theirs, 1):9.2f}")
    finally:
        subprocess.run(["epmd", "-kill"], env=environment, capture_output=True)


def local(a, here, folder, name, kinds):
    """Processes of one runtime."""
    print(f"{'':16} {'here':>10} {'Erlang':>10}  ratio")
    for kind, n in kinds:
        ours, theirs = [], []
        for _ in range(a.rounds):
            program = os.path.join(here, "actor", name + ".lua")
            run = [os.path.abspath(a.binary), "run", "--workers", str(a.workers), program, kind, str(n)]
            ours.append(figures(run, folder)[0])
            theirs.append(figures(["erl", "-noshell", "+S", str(a.workers), "+P", "4000000", "-run", name, "main", kind, str(n)], folder)[0])
        ratios = [x / y for x, y in zip(ours, theirs)]
        print(f"{kind:16} {statistics.median(ours):10.0f} {statistics.median(theirs):10.0f}  {median_and_range(ratios)}")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", action="store_true")
    parser.add_argument("--lives", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--binary", default=os.path.join(here, "..", "target", "release", "rlua-actor"))
    a = parser.parse_args()
    a.workers = a.workers or (os.cpu_count() if a.nodes else 1)
    if not shutil.which("erlc"):
        sys.exit("erlc is not there (Debian: erlang-base)")
    with tempfile.TemporaryDirectory() as folder:
        name = "nodes" if a.nodes else "lives" if a.lives else "messages"
        subprocess.run(["erlc", os.path.join(here, "actor", name + ".erl")], cwd=folder, check=True)
        if a.nodes:
            nodes(a, here, folder)
        else:
            local(a, here, folder, name, [(kind, a.lives) for kind in LIVES] if a.lives else KINDS)


if __name__ == "__main__":
    main()

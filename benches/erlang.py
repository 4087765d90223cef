#!/usr/bin/env python3
"""erlang.py: rates of messages here and in Erlang, in paired runs: medians, and the ratio of each pair.

usage: benches/erlang.py [--rounds N] [--workers N] [--binary FILE]

Needs erl and erlc (Debian: erlang-base). Each round runs both systems one after the other; a ratio above 1 means more
messages in a second than Erlang.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

KINDS = [("ring", 1_000_000), ("pingpong", 500_000), ("pingpong-table", 500_000), ("fanin", 1_000_000), ("bigmsg", 10_000)]


def rate(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    found = re.search(r"rate=(\d+)", done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return int(found.group(1))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--binary", default=os.path.join(here, "..", "target", "release", "rlua-actor"))
    a = parser.parse_args()
    if not shutil.which("erlc"):
        sys.exit("erlc is not there (Debian: erlang-base)")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["erlc", os.path.join(here, "actor", "messages.erl")], cwd=folder, check=True)
        print(f"{'':16} {'here':>10} {'Erlang':>10}  ratio")
        for kind, n in KINDS:
            ours, theirs = [], []
            for _ in range(a.rounds):
                program = os.path.join(here, "actor", "messages.lua")
                ours.append(rate([os.path.abspath(a.binary), "run", "--workers", str(a.workers), program, kind, str(n)], folder))
                theirs.append(rate(["erl", "-noshell", "+S", str(a.workers), "-run", "messages", "main", kind, str(n)], folder))
            ratios = sorted(x / y for x, y in zip(ours, theirs))
            print(f"{kind:16} {statistics.median(ours):10.0f} {statistics.median(theirs):10.0f}  "
                  f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}..{ratios[-1]:.2f}]")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Requests per second of a hello server, beside one in Erlang: `wrk` asks both in turn, on loopback, on the same processors.

    benches/http.py [--binary target/release/rlua-actor] [--connections 64] [--seconds 4] [--rounds 3]

wants wrk, erl and erlc. Prints the median of the rounds, and the processor's time that the server took for a request, which depends less on
who else wants the processors."""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def seconds_of(pid):
    """Processor time that a process has taken."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(HERE.parent / "target/release/rlua-actor"))
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["erlc", "-o", folder, str(HERE / "http/hello.erl")], check=True)
        commands = {
            "rlua-actor": [o.binary, "run", str(HERE / "http/hello.lua")],
            "erlang": ["erl", "-noinput", "-noshell", "-pa", folder, "-run", "hello", "main"],
        }
        servers = {name: subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for name, c in commands.items()}
        try:
            ports = {name: int(s.stdout.readline()) for name, s in servers.items()}
            rates = {name: [] for name in servers}
            costs = {name: [] for name in servers}
            for _ in range(o.rounds):
                for name, port in ports.items():
                    wrk = ["wrk", "-t1", f"-c{o.connections}", f"-d{o.seconds}s", f"http://127.0.0.1:{port}/"]
                    before = seconds_of(servers[name].pid)
                    said = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
                    rates[name].append(float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)))
                    requests = int(re.search(r"(\d+) requests in", said).group(1))
                    costs[name].append((seconds_of(servers[name].pid) - before) / max(requests, 1) * 1e6)
        finally:
            for s in servers.values():
                s.kill()
                s.wait()
    medians = {name: statistics.median(all) for name, all in rates.items()}
    for name, rate in medians.items():
        print(f"{name:12} {rate:9.0f} requests/s   ({', '.join(f'{r:.0f}' for r in rates[name])})"
              f"   {statistics.median(costs[name]):6.1f} us of the processors each")
    cost = statistics.median(costs["rlua-actor"]) / statistics.median(costs["erlang"])
    print(f"ratio {medians['rlua-actor'] / medians['erlang']:.2f} of the requests, {cost:.2f} of the time for each")


if __name__ == "__main__":
    main()

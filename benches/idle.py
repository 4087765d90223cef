#!/usr/bin/env python3
"""Memory of an HTTP server's idle connections, on loopback: of those that have asked for nothing yet, and of those that have had an answer.

    benches/idle.py [--binary target/release/rlua-actor] [--connections 9000]

wants so many open files twice (`ulimit -n`). Prints what the program holds altogether, and bytes for each connection."""
import argparse
import pathlib
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


def resident(pid):
    """Bytes of a process in memory."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(HERE.parent / "target/release/rlua-actor"))
    parser.add_argument("--connections", type=int, default=9000)
    o = parser.parse_args()
    for asks in (False, True):
        server = subprocess.Popen([o.binary, "run", str(HERE / "http/hello.lua")], stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            before, connections = resident(server.pid), []
            for _ in range(o.connections):
                connections.append(socket.create_connection(("127.0.0.1", port)))
                if asks:
                    connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    connections[-1].recv(4096)
            # They give back memory after a second.
            time.sleep(4)
            after = resident(server.pid)
            what = "after an answer" if asks else "asked for nothing"
            each = (after - before) / o.connections
            print(f"{what:18} {o.connections} connections: {after / 1e6:.0f} MB, {each:.0f} bytes each")
        finally:
            server.kill()


if __name__ == "__main__":
    main()

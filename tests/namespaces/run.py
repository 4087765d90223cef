#!/usr/bin/env python3
"""Nodes on two hosts: network namespaces, and between them a wire that delays, loses and is cut.

Journey: remote signal, over a network that is one. Needs root, `ip` and /dev/net/tun; says so, and ends well, where they are
not. The wire is this program: a tun device in each namespace, and packets copied between them, so that delay and loss
need nothing of the kernel. `run.py PROGRAM [SECONDS OF THE CUT]`.
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOSTS = {"gaia": "10.77.0.1", "selene": "10.77.0.2"}
PREFIX = f"rlua{os.getpid()}"
PATIENCE = 60
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def skip(why):
    print(f"skipped: {why}")
    sys.exit(0)


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10)


class Wire(threading.Thread):
    """Carries packets from one device to the other: after a delay, or not at all."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.delay, self.loss, self.is_cut = 0.0, 0.0, False
        self.carried = self.lost = 0
        self.devices = [self.device(host) for host in HOSTS]
        self.stop = False

    @staticmethod
    def device(host):
        """A tun device of the host's namespace, which stays there while its file is open here."""
        libc = ctypes.CDLL(None, use_errno=True)
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{PREFIX}{host}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                skip(f"cannot enter a network namespace: {os.strerror(ctypes.get_errno())}")
            try:
                tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
            except OSError as e:
                skip(f"cannot make a tun device: {e.strerror}")
            finally:
                libc.setns(own, CLONE_NEWNET)
        finally:
            os.close(own)
            os.close(there)
        return tun

    def run(self):
        under_way, number = [], 0
        while not self.stop:
            now = time.monotonic()
            while under_way and under_way[0][0] <= now:
                _, _, to, packet = heapq.heappop(under_way)
                if not self.is_cut:
                    try:
                        os.write(to, packet)
                        self.carried += 1
                    except OSError:
                        pass
            wait = min(0.1, under_way[0][0] - now) if under_way else 0.1
            ready, _, _ = select.select(self.devices, [], [], max(wait, 0))
            for device in ready:
                try:
                    packet = os.read(device, 65536)
                except OSError:
                    continue
                if self.is_cut or self.chance.random() < self.loss:
                    self.lost += 1
                    continue
                number += 1
                to = self.devices[1 - self.devices.index(device)]
                heapq.heappush(under_way, (time.monotonic() + self.delay, number, to, packet))


class Program:
    """A program on one of the hosts."""

    def __init__(self, binary, host, home, *arguments):
        hosts = [option for item in HOSTS.items() for option in ("--host", "=".join(item))]
        command = ["ip", "netns", "exec", PREFIX + host, binary, "run", *hosts, *arguments]
        environment = dict(os.environ, HOME=home)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def line(self):
        """Its next line; None: there is none any more."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.lines, PATIENCE), "nothing was written in time"
            return self.lines.pop(0)

    def expect(self, *wanted):
        for line in wanted:
            got = self.line()
            assert got == line, f"{line!r} was expected, {got!r} came"

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()


def thesis(binary, home, _):
    """Section 5.1.4, on two hosts: the port mapper's answers come from its front."""
    pong = Program(binary, "gaia", home, os.path.join(ROOT, "examples/nodes/pong.lua"))
    deadline = time.monotonic() + PATIENCE
    while True:
        # It is there once its host tells where it listens.
        listed = subprocess.run(["ip", "netns", "exec", PREFIX + "gaia", binary, "pmd", "--list"], capture_output=True,
                                text=True, timeout=PATIENCE, env=dict(os.environ, HOME=home))
        if listed.stdout.startswith("pong\t"):
            break
        assert time.monotonic() < deadline, listed
    ping = Program(binary, "selene", home, os.path.join(ROOT, "examples/nodes/ping.lua"))
    ping.expect(*["ping received pong"] * 3, "ping finished", None)
    pong.expect(*["pong received ping"] * 3, "pong finished", None)


def talk(binary, home, wire, far_name, near_name, cut_seconds):
    """Messages over the wire as it is; then it is cut, and heals."""
    far = Program(binary, "gaia", home, os.path.join(HERE, "far.lua"), far_name)
    far.expect("ready")
    near = Program(binary, "selene", home, os.path.join(HERE, "near.lua"), near_name, far_name)
    try:
        near.expect("cut")
        wire.is_cut, since = True, time.monotonic()
        near.expect("heal")
        far.expect("told")
        noticed = time.monotonic() - since
        time.sleep(max(0, cut_seconds - noticed))
        wire.is_cut = False
        near.go_on()
        whose = near.line()
        near.expect("done", None)
        if whose == "mine":
            far.expect("conflict")
        else:
            assert whose == "theirs", whose
        print(f"   the cut was noticed after {noticed:.1f} s and lasted {time.monotonic() - since:.1f} s; "
              f"the name was {whose}; {wire.carried} packets carried, {wire.lost} lost")
    finally:
        far.end()
        near.end()


def fixed_ports(binary, home, wire):
    """Names with ports, no port mapper; a good wire."""
    talk(binary, home, wire, "far@gaia:4001", "near@selene:4002", CUT)


def bad_wire(binary, home, wire):
    """Packets take 20 ms each way, one of fifty is lost."""
    wire.delay, wire.loss = 0.02, 0.02
    talk(binary, home, wire, "far@gaia", "near@selene", 4)


def main():
    binary = os.path.abspath(sys.argv[1])
    if os.geteuid() != 0:
        skip("only root can make network namespaces")
    if not shutil.which("ip"):
        skip("there is no program 'ip' (iproute2)")
    for host in HOSTS:
        made = ip("netns", "add", PREFIX + host)
        if made.returncode != 0:
            skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
    wire = Wire(1)
    for host, address in HOSTS.items():
        for command in (["addr", "add", f"{address}/24", "dev", "wire"], ["link", "set", "wire", "up"],
                        ["link", "set", "lo", "up"]):
            done = ip("-n", PREFIX + host, *command)
            assert done.returncode == 0, done.stderr
    wire.start()
    for test in (thesis, fixed_ports, bad_wire):
        print(f"{test.__name__}: {test.__doc__}", flush=True)
        with tempfile.TemporaryDirectory() as home:
            # The hosts' users share the cookie.
            cookie = os.path.join(home, ".rlua-actor.cookie")
            with open(os.open(cookie, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write("a cookie for two namespaces\n")
            test(binary, home, wire)
    wire.stop = True
    wire.join()
    print("all is well")


CUT = float(sys.argv[2]) if len(sys.argv) > 2 else 4
try:
    main()
finally:
    for each in HOSTS:
        ip("netns", "del", PREFIX + each)

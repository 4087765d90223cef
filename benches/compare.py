#!/usr/bin/env python3
"""Runs Lua programs under several virtual machines and compares the CPU time they take.

    python3 benches/compare.py --vm 'lua=lua5.4' --vm 'rlua=target/release/rlua-actor run' benches/vm/*.lua

In each round every program runs once under every VM, one right after the other, so that a slow moment of the machine
meets all of them. What counts is the CPU time of the whole child (user and system, all threads), as the kernel states
it. The ratio to the first VM is taken round by round; the table shows its median and range, and the geometric mean of
the medians. All VMs must print the same last line, or the run fails: a wrong answer has no time. Of a VM that is given as
--may-lack the table says which programs it cannot run, or answers otherwise, and the others go on.
"""

import argparse
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    """A program that did not run to its end, or took too long."""


def run_once(command, timeout_s):
    """Runs a command; its CPU seconds and the last line it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        deadline = time.monotonic() + timeout_s
        pause = 0.001
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                child.kill()
                os.wait4(child.pid, 0)
                child.returncode = -9
                raise Failure(f"longer than {timeout_s:g} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            err.seek(0)
            text = err.read().decode(errors="replace").strip().splitlines()
            raise Failure(f"status {child.returncode}: {text[0] if text else 'no message'}")
        out.seek(0)
        lines = out.read().decode(errors="replace").strip().splitlines()
        return usage.ru_utime + usage.ru_stime, lines[-1] if lines else ""


def parse_vm(text):
    """`name=command` to its parts."""
    name, sign, command = text.partition("=")
    if not sign or not name or not command.strip():
        raise argparse.ArgumentTypeError(f"expected NAME=COMMAND, found '{text}'")
    return name, shlex.split(command)


def parse_size(text):
    """`program=arguments` to its parts."""
    name, sign, arguments = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"expected PROGRAM=ARGUMENTS, found '{text}'")
    return name, shlex.split(arguments)


def measure(vms, lenient, programs, sizes, rounds, timeout_s):
    """CPU seconds by program and VM, one per round; and what failed, with what the table says of it and why."""
    times = {p: {name: [] for name, _ in vms} for p in programs}
    failures = {}
    for round_number in range(rounds):
        for program in programs:
            title = title_of(program)
            answers = {}
            # Every round begins with another VM, so that none always follows the same one.
            shift = round_number % len(vms)
            for name, command in vms[shift:] + vms[:shift]:
                if (program, name) in failures:
                    continue
                show_progress(f"round {round_number + 1}/{rounds}  {title:<16} {name:<16}")
                try:
                    seconds, answers[name] = run_once(command + [program] + sizes.get(title, []), timeout_s)
                    times[program][name].append(seconds)
                except Failure as failure:
                    failures[program, name] = "cannot run" if name in lenient else "failed", str(failure)
            strict = {line for name, line in answers.items() if name not in lenient}
            for name in lenient & answers.keys():
                if strict and answers[name] not in strict:
                    failures[program, name] = "other answer", f"its last line is '{answers[name]}'"
            if len(strict) > 1:
                shown = "\n".join(f"  {name}: {line}" for name, line in answers.items())
                sys.exit(f"\n{title}: the VMs do not agree on the last line\n{shown}")
    show_progress(" " * 60 + "\r")
    return times, failures


def show_progress(text):
    """One line on a terminal that is written over and over."""
    if sys.stderr.isatty():
        print("\r" + text, end="", file=sys.stderr, flush=True)


def title_of(program):
    return os.path.splitext(os.path.basename(program))[0]


def table(vms, programs, times, failures):
    """The markdown table."""
    names = [name for name, _ in vms]
    base = names[0]
    header = ["program", f"{base}, s"]
    for name in names[1:]:
        header += [f"{name}, s", f"{name} / {base}"]
    rows = []
    medians = {name: [] for name in names[1:]}
    for program in programs:
        first = times[program][base]
        failed = (program, base) in failures
        row = [title_of(program), "failed" if failed else f"{statistics.median(first):.2f}"]
        for name in names[1:]:
            own = times[program][name]
            if (program, name) in failures:
                row += [failures[program, name][0], ""]
            elif failed:
                row += [f"{statistics.median(own):.2f}", ""]
            else:
                ratios = [b / a if a > 0 else math.nan for a, b in zip(first, own)]
                middle = statistics.median(ratios)
                medians[name].append(middle)
                row += [f"{statistics.median(own):.2f}", f"{middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"]
        rows.append(row)
    last = ["geometric mean", ""]
    for name in names[1:]:
        good = [m for m in medians[name] if m > 0]
        last += ["", f"**{math.exp(sum(map(math.log, good)) / len(good)):.2f}**" if good else ""]
    rows.append(last)
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Compares Lua virtual machines by CPU time; the first --vm is the measure.")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM", help="Lua programs")
    parser.add_argument("--vm", action="append", type=parse_vm, metavar="NAME=COMMAND", required=True,
                        help="a VM and how it is started; give it several times")
    parser.add_argument("--may-lack", action="append", type=parse_vm, metavar="NAME=COMMAND", default=[],
                        help="a VM that may fail programs, or answer them otherwise")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument("--size", action="append", type=parse_size, default=[], metavar="PROGRAM=ARGUMENTS",
                        help="arguments of a program, in place of its own default size")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="seconds a program may take (default 120)")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    vms = arguments.vm + arguments.may_lack
    lenient = {name for name, _ in arguments.may_lack}
    if len({name for name, _ in vms}) != len(vms):
        parser.error("two VMs have the same name")
    programs = list(dict.fromkeys(arguments.programs))
    times, failures = measure(vms, lenient, programs, dict(arguments.size), arguments.rounds, arguments.timeout)
    print(table(vms, programs, times, failures))
    for (program, name), (_, reason) in failures.items():
        print(f"{title_of(program)} under {name}: {reason}", file=sys.stderr)
    sys.exit(1 if any(name not in lenient for _, name in failures) else 0)


if __name__ == "__main__":
    main()

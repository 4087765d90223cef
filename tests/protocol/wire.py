"""The tables of spec/protocol.md, section by section, and what comes from one side: items, signals, long signals.

Journey: none, it is a test's. Bytes become dictionaries and lists (a variant says under `kind` which it is) and back. All that
comes is decoded whole: a byte left over, an unknown number or an index of nothing is `Bad`.
"""

import re
from collections import namedtuple


class Bad(Exception):
    """What comes is not what the specification has."""


# Parts

Pid = namedtuple("Pid", "runtime serial")
Contents = namedtuple("Contents", "pids bytes")
Type = namedtuple("Type", "read write kinds", defaults=[()])


class Reader:
    """Bytes from the front. `runtimes` is the table of who wrote them, for pids."""

    def __init__(self, data, runtimes=()):
        self.data, self.at, self.runtimes = data, 0, runtimes

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            raise Bad(f"{count} bytes wanted, {self.left()} left")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def number(self, bits):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift >= bits:
                raise Bad("a number without an end")
        if value >> bits:
            raise Bad(f"a number of more than {bits} bits")
        return value

    def end(self):
        if self.left():
            raise Bad(f"{self.left()} bytes are left over: {self.data[self.at:].hex()}")


class Writer:
    def __init__(self, runtimes=()):
        self.data, self.runtimes = bytearray(), runtimes

    def number(self, value):
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)


def read(type, data, runtimes=()):
    """All of `data`, which is one of `type`."""
    r = Reader(data, runtimes)
    value = type.read(r)
    r.end()
    return value


def write(type, value, runtimes=()):
    w = Writer(runtimes)
    type.write(w, value)
    return bytes(w.data)


def unsigned(bits):
    return Type(lambda r: r.number(bits), Writer.number)


def fixed(count):
    return Type(lambda r: r.take(count), lambda w, v: w.data.extend(v))


def read_bool(r):
    byte = r.take(1)[0]
    if byte > 1:
        raise Bad(f"a bool that is {byte}")
    return byte == 1


def write_bytes(w, value):
    w.number(len(value))
    w.data.extend(value)


def read_text(r):
    try:
        return r.take(r.number(64)).decode()
    except UnicodeDecodeError as error:
        raise Bad(f"a text that is none: {error}") from None


LABEL = "(?=[^:]{1,253}(:|$))[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
NODE = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,62}}@(\[[0-9a-fA-F:.]+\]|{LABEL}(\.{LABEL})*)(:[1-9][0-9]{{0,4}})?")


def read_node(r):
    name = read_text(r)
    if len(name) > 255 or not NODE.fullmatch(name):
        raise Bad(f"not the name of a node: {name!r}")
    return name


def read_list(type, r):
    return [type.read(r) for _ in range(r.number(64))]


def write_list(type, w, values):
    w.number(len(values))
    for value in values:
        type.write(w, value)


def write_option(type, w, value):
    w.data.append(value is not None)
    if value is not None:
        type.write(w, value)


BOOL = Type(read_bool, lambda w, v: w.data.append(v))
U16, U32, U64, U128 = map(unsigned, (16, 32, 64, 128))
BYTES = Type(lambda r: r.take(r.number(64)), write_bytes)
TEXT = Type(read_text, lambda w, v: write_bytes(w, v.encode()))
ID, HASH = fixed(16), fixed(32)
NODE_NAME = Type(read_node, TEXT.write)


def list_of(type):
    return Type(lambda r: read_list(type, r), lambda w, v: write_list(type, w, v))


def option(type):
    return Type(lambda r: type.read(r) if read_bool(r) else None, lambda w, v: write_option(type, w, v))


def fields(**types):
    """Fields one after the other; a trailing underscore, as in `from_`, is Python's alone."""
    types = {name.rstrip("_"): type for name, type in types.items()}

    def write_fields(w, value):
        for name, type in types.items():
            type.write(w, value[name])

    return Type(lambda r: {name: type.read(r) for name, type in types.items()}, write_fields)


def variant(table):
    """A number, then the fields of its row: `{number: (kind, fields)}`."""
    numbers = {kind: number for number, (kind, _) in table.items()}

    def read_variant(r):
        number = r.number(32)
        if number not in table:
            raise Bad(f"{number} is none of {sorted(numbers)}")
        kind, row = table[number]
        return {"kind": kind, **row.read(r)}

    def write_variant(w, value):
        number = numbers[value["kind"]]
        w.number(number)
        table[number][1].write(w, value)

    return Type(read_variant, write_variant, tuple(numbers))


NOTHING = fields()


def result(type):
    row = fields(value=type) if type else NOTHING
    return variant({0: ("ok", row), 1: ("failed", fields(why=BYTES))})


# "The port mapper"

MAPPER_HELLO = b"rlua-pmd 1\n"
REQUEST = variant({
    0: ("register", fields(name=TEXT, id=ID, port=U16)),
    1: ("find", fields(name=TEXT)),
    2: ("list", NOTHING),
})
REPLY_OF_MAPPER = variant({
    0: ("registered", NOTHING),
    1: ("taken", NOTHING),
    2: ("nobody listens", NOTHING),
    3: ("found", fields(id=ID, port=U16)),
    4: ("not found", NOTHING),
    5: ("names", fields(names=list_of(fields(name=TEXT, port=U16)), last=BOOL)),
    6: ("refused", fields(why=TEXT)),
})


# "Handshake"

VISITOR = b"rlua-visitor 1"
CONNECT_ALL, IS_VISITOR, PATHS, RELAYS, SENDERS = 1, 2, 4, 8, 16
LIMITS = fields(signal=U64, all=U64, signals=U32, runtimes=U32)
HELLO = fields(oldest=U16, newest=U16, features=U64, name=NODE_NAME, id=ID, since=U64, limits=LIMITS)
OPENING = fields(hello=HELLO, dialled=NODE_NAME)
REFUSAL = variant({
    0: ("no common version", fields(oldest=U16, newest=U16)),
    1: ("another's name", fields(name=NODE_NAME)),
    2: ("same runtime", NOTHING),
    3: ("name in use", NOTHING),
    4: ("name was taken", NOTHING),
    5: ("connected already", NOTHING),
    6: ("leaving", NOTHING),
    7: ("too many", NOTHING),
    8: ("malformed", NOTHING),
})
REPLY = variant({0: ("ok", fields(hello=HELLO, version=U16)), 1: ("wait", NOTHING), 2: ("refused", fields(why=REFUSAL))})


# "Signals"

MAX_SERIAL = 2**44


def read_pid(r):
    index, serial = r.number(32), r.number(64)
    if index >= len(r.runtimes):
        raise Bad(f"runtime {index} of {len(r.runtimes)}")
    if serial >= MAX_SERIAL:
        raise Bad(f"the serial number {serial}")
    return Pid(r.runtimes[index], serial)


def write_pid(w, pid):
    w.number(w.runtimes.index(pid.runtime))
    w.number(pid.serial)


PID = Type(read_pid, write_pid)
TARGET = variant({0: ("pid", fields(pid=PID)), 1: ("name", fields(name=BYTES))})
PIDS = list_of(PID)
CONTENTS = Type(
    lambda r: Contents(PIDS.read(r), BYTES.read(r)), lambda w, v: (PIDS.write(w, v.pids), BYTES.write(w, v.bytes))
)
BODY = variant({0: ("global", fields(name=BYTES)), 1: ("function", NOTHING)})
STAMP = fields(counter=U64, node=NODE_NAME)
ENTRY = fields(name=BYTES, pid=PID, stamp=STAMP)
NAME_SIGNAL = variant({
    0: ("names", fields(entries=list_of(ENTRY), last=BOOL)),
    1: ("lock", fields(id=U64, name=BYTES, wait=BOOL)),
    2: ("granted", fields(id=U64)),
    3: ("refused", fields(id=U64, given=BOOL)),
    4: ("unlock", fields(id=U64, name=BYTES)),
    5: ("given", fields(entry=ENTRY)),
    6: ("given no more", fields(name=BYTES)),
    7: ("give", fields(from_=PID, id=U64, name=BYTES, pid=option(PID))),
    8: ("done", fields(to=PID, id=U64, result=result(None))),
})
QUESTION = variant({
    0: ("alive", NOTHING),
    1: ("information", NOTHING),
    2: ("will it move", fields(node=NODE_NAME)),
    3: ("could it move", NOTHING),
    4: ("has it come", NOTHING),
})
ANSWER = variant({
    0: ("alive", fields(pid=PID)),
    1: ("dead", NOTHING),
    2: ("information", fields(contents=CONTENTS)),
    3: ("done", fields(result=result(None))),
    4: ("lost", NOTHING),
})

BOND = variant({
    0: ("linked", NOTHING),
    1: ("monitors", fields(id=U64)),
    2: ("monitored", fields(id=U64)),
    3: ("torn", NOTHING),
})

# "Moves"

FORWARDED = variant({
    0: ("message", fields(contents=CONTENTS)),
    1: ("exit", fields(from_=PID, normal=BOOL, contents=CONTENTS)),
    2: ("link", fields(from_=PID)),
    3: ("unlink", fields(from_=PID, id=U64)),
    4: ("unlinked", fields(from_=PID, id=U64)),
    5: ("monitor", fields(from_=PID, id=U64)),
    6: ("demonitor", fields(from_=PID, id=U64)),
    7: ("down", fields(from_=PID, id=U64, contents=CONTENTS)),
    8: ("kill", fields(contents=CONTENTS)),
    9: ("question", fields(from_=PID, id=U64, question=QUESTION)),
    10: ("answer", fields(id=U64, answer=ANSWER)),
    11: ("spawned", fields(id=U64, result=result(PID))),
    12: ("interrupt", NOTHING),
    13: ("tied", fields(from_=PID, bond=BOND)),
    14: ("response", fields(from_=PID, id=U64, over=BOOL, refused=BOOL, contents=CONTENTS)),
})
HOPS = list_of(fields(id=ID, path=U64))
MOVE = variant({
    0: ("offer", fields(id=U64, pid=PID, epoch=U64, contents=CONTENTS)),
    1: ("ready", fields(id=U64, pid=PID)),
    2: ("refused", fields(id=U64, why=BYTES)),
    3: ("commit", fields(
        id=U64, pid=PID, names=list_of(fields(name=BYTES, stamp=option(STAMP))), told=list_of(NODE_NAME),
        watched=list_of(fields(node=NODE_NAME, times=U32)))),
    4: ("abort", fields(id=U64, pid=PID)),
    5: ("running", fields(id=U64)),
    6: ("moved", fields(pid=PID, epoch=U64, id=ID, node=NODE_NAME)),
    7: ("settled", fields(pid=PID, epoch=U64)),
    8: ("mark", fields(pid=PID, asker=ID, id=U64)),
    9: ("mark is out", fields(pid=PID, id=U64, epoch=option(U64))),
    10: ("ended", fields(pid=PID, epoch=U64, lost=BOOL)),
    11: ("forward", fields(to=PID, signal=FORWARDED)),
    12: ("committed?", fields(id=U64, pid=PID)),
    13: ("runs?", fields(id=U64, pid=PID, epoch=U64)),
    14: ("found", fields(pid=PID, epoch=U64, id=ID, node=NODE_NAME)),
    15: ("paths", fields(id=U64, pid=PID, heard=HOPS)),
    16: ("forward by", fields(to=PID, by=HOPS, signal=FORWARDED)),
    17: ("goes on", fields(pid=PID, epoch=U64)),
    18: ("unheard", fields(id=U64, pid=PID, relayed=list_of(NODE_NAME), without=list_of(NODE_NAME))),
    19: ("relayed", fields(pid=PID, epoch=U64, node=NODE_NAME)),
    20: ("forward of", fields(to=PID, by=HOPS, from_=PID, epoch=U64, signal=FORWARDED)),
})

SIGNAL = variant({
    0: ("message", fields(from_=PID, to=TARGET, contents=CONTENTS)),
    1: ("exit", fields(from_=PID, to=PID, normal=BOOL, contents=CONTENTS)),
    2: ("link", fields(from_=PID, to=TARGET, id=U64)),
    3: ("unlink", fields(from_=PID, to=TARGET, id=U64)),
    4: ("unlinked", fields(from_=PID, to=PID, id=U64)),
    5: ("monitor", fields(from_=PID, to=TARGET, id=U64)),
    6: ("demonitor", fields(from_=PID, to=TARGET, id=U64)),
    7: ("down", fields(from_=PID, to=PID, id=U64, contents=CONTENTS)),
    8: ("reached", fields(from_=PID, to=PID, id=U64)),
    9: ("kill", fields(from_=PID, to=TARGET, contents=CONTENTS)),
    10: ("tied", fields(from_=PID, to=PID, bond=BOND)),
    11: ("spawn", fields(from_=PID, id=U64, body=BODY, linked=BOOL, monitored=option(U64), contents=CONTENTS)),
    12: ("spawned", fields(to=PID, id=U64, result=result(PID))),
    13: ("question", fields(from_=PID, to=TARGET, id=U64, question=QUESTION)),
    14: ("answer", fields(to=PID, id=U64, answer=ANSWER)),
    15: ("code wanted", fields(hash=HASH)),
    16: ("code", fields(hash=HASH, contents=CONTENTS)),
    17: ("code missing", fields(hash=HASH)),
    18: ("code kept", fields(hash=HASH)),
    19: ("connected", fields(nodes=list_of(NODE_NAME), last=BOOL)),
    20: ("names", fields(signal=NAME_SIGNAL)),
    21: ("interrupt", fields(from_=PID, to=TARGET)),
    22: ("move", fields(move=MOVE)),
    23: ("response", fields(from_=PID, to=PID, id=U64, over=BOOL, refused=BOOL, contents=CONTENTS)),
})

# The bytes of an answer's information.

PROCESS = fields(runtime=U128, serial=U64)
ACTIVITY = variant({n: (kind, NOTHING) for n, kind in enumerate(("unknown", "waiting", "blocked", "running", "ready"))})
WAITS = variant({n: (kind, NOTHING) for n, kind in enumerate(("nothing", "message", "answer", "time", "node", "socket", "processes"))})
ALWAYS_TOLD = dict(
    name=option(BYTES), activity=ACTIVITY, line=BYTES, function=BYTES, mailbox=U64, links=list_of(PROCESS),
    monitors=list_of(PROCESS), heap=U64, reductions=U64, parent=option(PROCESS),
)
# Without what may be missing, and with it.
INFORMATION = fields(**ALWAYS_TOLD)
WHOLE_INFORMATION = fields(**ALWAYS_TOLD, waits=WAITS, whom=list_of(PROCESS), timed=BOOL)


# "Frames"

MAX_TEXT = 65000
MAX_SHORT = 16 * 1024
ITEM = variant({
    0: ("signal", fields(signal=SIGNAL)),
    1: ("begin", fields(slot=U32, length=U64, signal=SIGNAL)),
    2: ("more", fields(slot=U32, bytes=BYTES)),
    3: ("runtime", fields(id=ID, node=option(NODE_NAME))),
    4: ("ping", NOTHING),
    5: ("pong", NOTHING),
    6: ("close", fields(why=TEXT)),
})


def contents_of(signal):
    """What of a signal may be long: where it is, and its field's name."""
    inner = signal.get("answer") or signal.get("move") or signal
    if inner["kind"] in ("forward", "forward by"):
        inner = inner["signal"].get("answer", inner["signal"])
    return inner, "contents" if "contents" in inner else None


class Incoming:
    """What comes from one side: its table of runtimes and its slots. `items` takes a frame's text."""

    def __init__(self, limits):
        self.limits, self.runtimes, self.slots, self.closed = limits, [], {}, False

    def items(self, text):
        """The items of a frame, each with the signal that it completes, or None."""
        if not 1 <= len(text) <= MAX_TEXT:
            raise Bad(f"a frame of {len(text)} bytes")
        r = Reader(text, self.runtimes)
        while r.left():
            if self.closed:
                raise Bad("an item after the last")
            start = r.at
            item = ITEM.read(r)
            again = write(ITEM, item, self.runtimes)
            if again != text[start : r.at]:
                raise Bad(f"{text[start:r.at].hex()} would be written {again.hex()}")
            yield item, self.take(item)

    def take(self, item):
        kind = item["kind"]
        if kind == "runtime":
            if item["id"] in self.runtimes or len(self.runtimes) >= self.limits["runtimes"]:
                raise Bad("a runtime twice, or one too many")
            self.runtimes.append(item["id"])
        elif kind == "signal":
            where, name = contents_of(item["signal"])
            if name and len(where[name].bytes) > MAX_SHORT:
                raise Bad("a long signal in one piece")
            return item["signal"]
        elif kind == "begin":
            where, name = contents_of(item["signal"])
            if not name or where[name].bytes or item["slot"] in self.slots or not 0 < item["length"] <= self.limits["signal"]:
                raise Bad(f"a beginning that must not be: {item}")
            self.slots[item["slot"]] = (item["signal"], item["length"], bytearray())
            if item["slot"] >= self.limits["signals"] or sum(n for _, n, _ in self.slots.values()) > self.limits["all"]:
                raise Bad("more than was allowed")
        elif kind == "more":
            if item["slot"] not in self.slots or not item["bytes"]:
                raise Bad("more of nothing, or nothing more")
            signal, length, data = self.slots[item["slot"]]
            data += item["bytes"]
            if len(data) > length:
                raise Bad("more than was promised")
            if len(data) == length:
                del self.slots[item["slot"]]
                where, name = contents_of(signal)
                where[name] = Contents(where[name].pids, bytes(data))
                return signal
        elif kind == "close":
            self.closed = True
        return None

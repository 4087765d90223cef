"""What the bytes of contents are: messages and whole processes (spec/format.md), chunks (spec/bytecode.md).

Journey: none, it is a test's.
"""

import hashlib
import struct
from collections import namedtuple

from wire import *


# A message (spec/format.md, "A message"): the portable form

Table = namedtuple("Table", "items fields name", defaults=((), (), None))
Function = namedtuple("Function", "hash prototype upvalues")
Native = namedtuple("Native", "name upvalues", defaults=((),))
Stream = namedtuple("Stream", "number")
System = namedtuple("System", "signal of reason")


class Upvalue:
    """One that several functions may share; its value may be `GLOBALS`."""

    def __init__(self, value=None):
        self.value = value

    def __repr__(self):
        return f"Upvalue({self.value!r})"


GLOBALS = type("Globals", (), {"__repr__": lambda self: "GLOBALS"})()
MAX_ATOM = 40


def zigzag(r):
    n = r.number(64)
    return n >> 1 ^ -(n & 1)


class Message(Reader):
    """Reads one. `code` has the chunks that are known: by hash, how many upvalues each prototype has."""

    def __init__(self, contents, code):
        super().__init__(contents.bytes)
        self.code = code
        if self.take(1) != b"\1":
            raise Bad("the version of a message")
        self.hashes = [self.take(32) for _ in range(self.number(32))]
        self.pids, self.made = [], []
        for _ in range(self.number(32)):
            runtime, serial = self.take(16)[::-1], self.number(64)
            if serial >= MAX_SERIAL:
                raise Bad(f"the serial number {serial}")
            self.pids.append(Pid(runtime, serial))

    def whole(self):
        if self.data[self.at : self.at + 1] == b"\x1b":
            _, which = self.take(1), self.take(1)[0]
            if which > 1:
                raise Bad("a message of the system of no kind")
            value = System(["EXIT", "DOWN"][which], self.pid(), self.value(self.take(1)[0]))
        else:
            value = self.value(self.take(1)[0])
        self.end()
        return value

    def pid(self):
        index = self.number(32)
        if index >= len(self.pids):
            raise Bad(f"pid {index} of {len(self.pids)}")
        return self.pids[index]

    def keep(self, value):
        self.made.append(value)
        return value

    def value(self, code):
        if code == 0:
            return None
        if code in (1, 2):
            return code == 2
        if code == 3:
            return zigzag(self)
        if code == 4:
            return struct.unpack("<d", self.take(8))[0]
        if code == 5:
            return Native(self.take(self.number(32)))
        if code == 6:
            return self.pid()
        if code == 7:
            ref = self.number(32)
            if ref >= len(self.made):
                raise Bad(f"object {ref} of {len(self.made)}")
            return self.made[ref]
        if code == 11:
            return self.take(self.number(32))
        if code == 12:
            return self.keep(self.take(self.number(32)))
        if code in (13, 14):
            return self.table(self.take(self.number(32)) if code == 14 else None)
        if code == 15:
            return self.function()
        if code == 16:
            native = self.value(self.take(1)[0])
            if not isinstance(native, Native):
                raise Bad("a native function that is none")
            native = self.keep(Native(native.name, []))
            for _ in range(self.number(32)):
                code = self.take(1)[0]
                native.upvalues.append(self.take(self.number(32)) if code == 19 else self.value(code))
            return native
        if code == 22:
            return Stream(self.number(32))
        raise Bad(f"the code {code}")

    def function(self):
        module, prototype = self.number(32), self.number(32)
        if module >= len(self.hashes):
            raise Bad("code of no module")
        hash = self.hashes[module]
        function = self.keep(Function(hash, prototype, []))
        if hash not in self.code or prototype >= len(self.code[hash]):
            raise Bad(f"prototype {prototype} of the chunk {hash.hex()}, which is not here")
        for _ in range(self.code[hash][prototype]):
            code = self.take(1)[0]
            if code == 17:
                upvalue = self.keep(Upvalue())
                code = self.take(1)[0]
                upvalue.value = GLOBALS if code == 18 else self.value(code)
            elif code == 7:
                upvalue = self.value(code)
            else:
                raise Bad("an upvalue that is none")
            if not isinstance(upvalue, Upvalue):
                raise Bad("an upvalue that is none")
            function.upvalues.append(upvalue)
        return function

    def table(self, name):
        count, pairs = self.number(32), self.number(32)
        table = self.keep(Table([], [], name))
        while len(table.items) < count:
            code = self.take(1)[0]
            if code in (24, 25):
                k = self.number(32)
                if not 1 <= k <= 4096:
                    raise Bad("a run's length")
                if code == 24:
                    width = self.take(1)[0]
                    if width not in (1, 2, 4, 8):
                        raise Bad("a run's width")
                    table.items.extend(int.from_bytes(self.take(width), "little", signed=True) for _ in range(k))
                else:
                    table.items.extend(struct.unpack(f"<{k}d", self.take(8 * k)))
                if len(table.items) > count:
                    raise Bad("a run past the items")
            else:
                table.items.append(self.value(code))
        for _ in range(pairs):
            key = self.value(self.take(1)[0])
            value = self.value(self.take(1)[0])
            if key is None or value is None:
                raise Bad("a nil in a field")
            table.fields.append((key, value))
        return table


class Encoder(Writer):
    """Writes one: None, bools, numbers, bytes, pids, and what `Message` makes of the rest."""

    def __init__(self, value):
        super().__init__()
        self.pids, self.hashes, self.made = [], [], []
        if isinstance(value, System):
            self.data += b"\x1b" + bytes([["EXIT", "DOWN"].index(value.signal)])
            self.number(self.index(self.pids, value.of))
            value = value.reason
        self.value(value)

    def contents(self):
        head = Writer()
        head.data += b"\1"
        write_list(HASH, head, self.hashes)
        head.number(len(self.pids))
        for pid in self.pids:
            head.data += pid.runtime[::-1]
            head.number(pid.serial)
        return Contents([], bytes(head.data + self.data))

    def index(self, list, value):
        if value not in list:
            list.append(value)
        return list.index(value)

    def made_before(self, value):
        for number, other in enumerate(self.made):
            if other is value:
                self.data.append(7)
                self.number(number)
                return True
        self.made.append(value)
        return False

    def coded(self, code, *numbers):
        self.data.append(code)
        for number in numbers:
            self.number(number)

    def value(self, value):
        if value is None or isinstance(value, bool):
            self.coded({None: 0, False: 1, True: 2}[value])
        elif isinstance(value, int):
            self.coded(3, value << 1 ^ value >> 63)
        elif isinstance(value, float):
            self.data += b"\4" + struct.pack("<d", value)
        elif isinstance(value, Pid):
            self.coded(6, self.index(self.pids, value))
        elif isinstance(value, Stream):
            self.coded(22, value.number)
        elif isinstance(value, bytes) and len(value) <= MAX_ATOM:
            self.data.append(11)
            write_bytes(self, value)
        elif isinstance(value, Native) and not value.upvalues:
            self.data.append(5)
            write_bytes(self, value.name)
        elif not self.made_before(value):
            self.object(value)

    def object(self, value):
        if isinstance(value, bytes):
            self.data.append(12)
            write_bytes(self, value)
        elif isinstance(value, Table):
            self.data.append(13 if value.name is None else 14)
            if value.name is not None:
                write_bytes(self, value.name)
            self.number(len(value.items))
            self.number(len(value.fields))
            for part in [*value.items, *(part for pair in value.fields for part in pair)]:
                self.value(part)
        elif isinstance(value, Function):
            self.coded(15, self.index(self.hashes, value.hash), value.prototype)
            for upvalue in value.upvalues:
                if not self.made_before(upvalue):
                    self.data.append(17)
                    if upvalue.value is GLOBALS:
                        self.data.append(18)
                    else:
                        self.value(upvalue.value)
        else:
            raise TypeError(f"not a value of a message: {value!r}")


# A process that moves (spec/format.md, "A whole process"): as far as its epoch

BYTE = Type(lambda r: r.take(1)[0], lambda w, v: w.data.append(v))
PLACE = fields(runtime=U32, serial=U64)
WHOLE = fields(
    version=BYTE, runtimes=list_of(fields(id=U128, node=option(BYTES))), code=list_of(BYTES), process=PLACE, parent=PLACE,
    is_root=BOOL, gate_was_open=BOOL, epoch=U64,
)


def moved_again(contents):
    """The same process, one move later, and what it says of itself."""
    r = Reader(contents.bytes)
    whole = WHOLE.read(r)
    later = write(WHOLE, {**whole, "epoch": whole["epoch"] + 1})
    return Contents([], later + r.take(r.left())), whole


# A chunk (spec/bytecode.md, "Binary form")

CHUNK_HEAD = (
    b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08" + struct.pack("<qd", 0x5678, 370.5)
    + b"\0" + b"\x7f" * 12 + b"RLua\1"
)
SIGNED = Type(zigzag, lambda w, v: w.number(v << 1 ^ v >> 63))
CONSTANT = variant({
    0: ("nil", NOTHING),
    1: ("boolean", fields(value=BOOL)),
    2: ("integer", fields(value=SIGNED)),
    3: ("float", fields(value=fixed(8))),
    4: ("string", fields(value=BYTES)),
})
PROTOTYPE = fields(
    line_defined=U32, last_line_defined=U32, parameters=BYTE, is_vararg=BOOL, registers=BYTE, code=list_of(U32),
    constants=list_of(CONSTANT), upvalues=list_of(fields(name=BYTES, in_stack=BOOL, index=BYTE, variable=U32)),
    nested=list_of(U32), lines=list_of(U32), locals=list_of(fields(name=BYTES, start=U32, end=U32)),
)
CHUNK = fields(name=BYTES, prototypes=list_of(PROTOTYPE))


def read_chunk(data, hash):
    if hashlib.sha256(data).digest() != hash:
        raise Bad("a chunk of another hash")
    if not data.startswith(CHUNK_HEAD):
        raise Bad("the head of a chunk")
    return read(CHUNK, data[len(CHUNK_HEAD) :])

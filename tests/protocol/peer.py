"""A peer of the nodes' protocol, written from spec/protocol.md alone: the handshake, a session, the port mapper's client.

Journey: none, it is a test's.

    peer.py FILE     decodes the plain text of a session: lines with `>` or `<`, what it is, and hexadecimal digits
"""

import hashlib
import os
import socket
import sys
import time

import noise
from values import *
from wire import *


# A session: what a connection is after `ok`


# How long something may not come, in seconds, until a test has failed.
WAIT = 60


class Refused(Exception):
    """A handshake came to this: the refusal's fields."""


class Closed(Exception):
    """The other side has ended the connection: why, if it has said so."""


def read_exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise Closed(None)
        data += more
    return data


def read_message(sock):
    """Behind its length, 16 bits."""
    return read_exactly(sock, int.from_bytes(read_exactly(sock, 2), "big"))


def send_message(sock, data):
    sock.sendall(len(data).to_bytes(2, "big") + data)


LIMITS_OF_OURS = {"signal": 64 << 20, "all": 256 << 20, "signals": 4096, "runtimes": 4096}


class Node:
    """Who a peer is: a name, an id, a key."""

    def __init__(self, name, cookie, features=CONNECT_ALL, id=None):
        self.name, self.features, self.key = name, features, noise.cookie_key(cookie)
        self.id = id or os.urandom(16)
        self.since = int(time.time() * 1000)
        self.code, self.chunks, self.raw, self.captured = {}, {}, {}, None

    def hello(self, **changed):
        hello = {"oldest": 2, "newest": 2, "features": self.features, "name": self.name, "id": self.id}
        return {**hello, "since": self.since, "limits": LIMITS_OF_OURS, **changed}

    def pid(self, serial):
        return Pid(self.id, serial)

    def learn(self, hash, data):
        """A chunk: from now on functions of it can be read."""
        self.chunks[hash], self.raw[hash] = read_chunk(data, hash), data
        self.code[hash] = [len(prototype["upvalues"]) for prototype in self.chunks[hash]["prototypes"]]

    def made(self, chunk):
        """A chunk of our own: its hash."""
        data = CHUNK_HEAD + write(CHUNK, chunk)
        hash = hashlib.sha256(data).digest()
        self.learn(hash, data)
        return hash

    def dial(self, port, dialled, /, wait=None, **changed):
        """A session with who listens there, or `Refused`. `wait` is called when the reply is `wait`."""
        sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        noise_state = noise.Handshake(self.key)
        send_message(sock, noise_state.write_first())
        noise_state.read_second(read_message(sock))
        ours, theirs = noise_state.split()
        opening = write(OPENING, {"hello": self.hello(**changed), "dialled": dialled})
        send_message(sock, ours.seal(opening))
        while True:
            text = theirs.open(read_message(sock))
            if self.captured is not None:
                self.captured += [("<", "opening", opening), (">", "reply", text)]
            reply = read(REPLY, text)
            if reply["kind"] == "refused":
                sock.close()
                raise Refused(reply["why"])
            if reply["kind"] == "ok":
                if reply["hello"]["name"] != dialled or reply["version"] != 2:
                    raise Bad(f"another has answered: {reply}")
                return Session(self, sock, ours, theirs, reply["hello"])
            wait()

    def accept(self, listener, reply=None):
        """A session with who dials; `reply` in place of `ok` is a refusal."""
        sock, _ = listener.accept()
        sock.settimeout(WAIT)
        return self.answer(sock, reply)

    def answer(self, sock, reply=None):
        noise_state = noise.Handshake(self.key)
        noise_state.read_first(read_message(sock))
        send_message(sock, noise_state.write_second())
        theirs, ours = noise_state.split()
        opening = read(OPENING, theirs.open(read_message(sock)))
        if opening["dialled"] != self.name:
            raise Bad(f"{opening['dialled']} was dialled, not {self.name}")
        if reply:
            send_message(sock, ours.seal(write(REPLY, {"kind": "refused", "why": reply})))
            sock.close()
            return opening
        send_message(sock, ours.seal(write(REPLY, {"kind": "ok", "hello": self.hello(), "version": 2})))
        return Session(self, sock, ours, theirs, opening["hello"])


class Session:
    """Frames both ways. Pings and wishes for code are answered; `seen` counts the kinds of what has come."""

    def __init__(self, node, sock, ours, theirs, hello):
        self.node, self.sock, self.ours, self.theirs, self.hello = node, sock, ours, theirs, hello
        self.incoming, self.runtimes, self.waiting, self.seen = Incoming(LIMITS_OF_OURS), [], [], {}
        self.answers_pings = True

    def send_text(self, text):
        if self.node.captured is not None:
            self.node.captured.append(("<", "frame", text))
        send_message(self.sock, self.ours.seal(text))

    def announce(self, w, pids):
        """Items for the runtimes that these pids need and the other side has not heard of."""
        for pid in pids:
            if pid.runtime not in self.runtimes:
                name = {self.node.id: self.node.name, self.hello["id"]: self.hello["name"]}.get(pid.runtime)
                ITEM.write(w, {"kind": "runtime", "id": pid.runtime, "node": name})
                self.runtimes.append(pid.runtime)

    def send(self, signal, piece=None):
        """A signal, whole, or in pieces of so many bytes, each in a frame of its own."""
        w = Writer(self.runtimes)
        self.announce(w, pids_in(signal))
        where, name = contents_of(signal)
        if name and len(where[name].bytes) > MAX_SHORT:
            piece = piece or 50_000
        if not piece:
            ITEM.write(w, {"kind": "signal", "signal": signal})
            return self.send_text(bytes(w.data))
        contents = where[name]
        where[name] = Contents(contents.pids, b"")
        ITEM.write(w, {"kind": "begin", "slot": 3, "length": len(contents.bytes), "signal": signal})
        for at in range(0, len(contents.bytes), piece):
            ITEM.write(w, {"kind": "more", "slot": 3, "bytes": contents.bytes[at : at + piece]})
            self.send_text(bytes(w.data))
            w = Writer(self.runtimes)

    def items(self, **items):
        self.send_text(write(ITEM, items, self.runtimes))

    def read_frame(self):
        """The next frame: what is complete by it waits for `next`."""
        sealed = read_message(self.sock)
        if not 17 <= len(sealed) <= MAX_TEXT + 16:
            raise Bad(f"a frame of {len(sealed)} bytes")
        text = self.theirs.open(sealed)
        if self.node.captured is not None:
            self.node.captured.append((">", "frame", text))
        for item, signal in self.incoming.items(text):
            self.count("item " + item["kind"])
            if item["kind"] == "ping" and self.answers_pings:
                self.items(kind="pong")
            elif item["kind"] == "close":
                self.sock.close()
                raise Closed(item["why"])
            elif signal:
                self.take(signal)

    def take(self, signal):
        self.count(signal["kind"])
        for inner in ("signal", "move", "answer", "question", "body", "result"):
            if inner in signal:
                self.count(f"{signal['kind']}: {signal[inner]['kind']}")
        if signal["kind"] == "code":
            self.node.learn(signal["hash"], signal["contents"].bytes)
            self.send({"kind": "code kept", "hash": signal["hash"]})
        if signal["kind"] == "code wanted":
            data = self.node.raw.get(signal["hash"])
            answer = {"kind": "code", "contents": Contents([], data)} if data else {"kind": "code missing"}
            return self.send({**answer, "hash": signal["hash"]})
        self.waiting.append(signal)

    def count(self, kind):
        self.seen[kind] = self.seen.get(kind, 0) + 1

    def next(self, kind, **wanted):
        """The oldest signal of a kind (and with these fields) that has come or comes; others wait."""
        at, deadline = 0, time.monotonic() + WAIT
        while time.monotonic() < deadline:
            for at in range(at, len(self.waiting)):
                signal = self.waiting[at]
                if signal["kind"] == kind and all(signal[name] == value for name, value in wanted.items()):
                    return self.waiting.pop(at)
            at = len(self.waiting)
            self.read_frame()
        raise TimeoutError(f"no {kind} with {wanted}, but {self.waiting}")

    def value(self, contents):
        return Message(contents, self.node.code).whole()


def pids_in(value):
    if isinstance(value, Pid):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, Contents)):
        return [pid for part in value for pid in pids_in(part)]
    return []


# "The port mapper", the client's side


class Mapper:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self.sock.sendall(MAPPER_HELLO)
        if read_exactly(self.sock, len(MAPPER_HELLO)) != MAPPER_HELLO:
            raise Bad("no port mapper")

    def ask(self, **request):
        send_message(self.sock, write(REQUEST, request))
        return self.reply()

    def reply(self):
        return read(REPLY_OF_MAPPER, read_message(self.sock))


# What was captured, without a node


def shown(value, names=()):
    """For people and for comparison: short."""
    if isinstance(value, Pid):
        return f"<{dict(names).get(value.runtime, value.runtime.hex())}.{value.serial}>"
    if isinstance(value, Contents):
        return f"{len(value.bytes)} bytes"
    if isinstance(value, dict):
        inner = " ".join(f"{k}={shown(v, names)}" for k, v in value.items() if k != "kind")
        return f"({value['kind']}{' ' if inner else ''}{inner})" if "kind" in value else f"({inner})"
    if isinstance(value, Table):
        parts = [shown(v, names) for v in value.items] + [f"{shown(k, names)}={shown(v, names)}" for k, v in value.fields]
        return f"{value.name.decode() if value.name else ''}{{{', '.join(parts)}}}"
    if isinstance(value, System):
        return f"{value.signal} {shown(value.of, names)} {shown(value.reason, names)}"
    if isinstance(value, Function):
        inner = ", ".join(shown(u.value, names) for u in value.upvalues)
        return f"function {value.hash.hex()[:8]}.{value.prototype}({inner})"
    if isinstance(value, list):
        return f"[{', '.join(shown(v, names) for v in value)}]"
    if isinstance(value, bytes) and not all(32 <= byte < 127 for byte in value):
        return value.hex()
    return f"'{value.decode()}'" if isinstance(value, bytes) else str(value)


def decoded(lines):
    """Each item of a captured session as a line."""
    sides = {"<": Incoming(LIMITS_OF_OURS), ">": Incoming(LIMITS_OF_OURS)}
    node, names = Node("decoder@localhost", b"rlua-" + b"0" * 64), {}
    for line in lines:
        if line.startswith("#") or not line.strip():
            continue
        side, kind, data = line.split()
        data = bytes.fromhex(data)
        if kind in ("opening", "reply"):
            value = read({"opening": OPENING, "reply": REPLY}[kind], data)
            names[value["hello"]["id"]] = value["hello"]["name"].split("@")[0]
            yield f"{side} {kind} {shown(value, names.items())}"
            continue
        for item, signal in sides[side].items(data):
            yield f"{side} {shown(item if item['kind'] != 'signal' else signal, names.items())}"
            if signal and item["kind"] == "more":
                yield f"    complete: {shown(signal, names.items())}"
            if signal and signal["kind"] == "code":
                node.learn(signal["hash"], signal["contents"].bytes)
            where, name = contents_of(signal) if signal else (None, None)
            if name and signal["kind"] in ("message", "exit", "down", "kill", "spawn", "response"):
                yield f"    {shown(Message(where[name], node.code).whole(), names.items())}"


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print("\n".join(decoded(file)))

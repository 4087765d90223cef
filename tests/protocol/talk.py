"""Talks with a node that runs program.lua, as a peer that peer.py is: all that is in the tables, both ways.

Journey: remote signal, end to end, with the other end written from the specification.

    talk.py COOKIE-FILE PORT-OF-THE-MAPPER [FILE]     the file is written: the plain text of one session, for peer.py
"""

import copy
import os
import socket
import sys

import noise
from peer import *
from values import *
from wire import *

LUA = "lua@127.0.0.1"


def check(found, wanted):
    assert found == wanted, f"found  {found!r}\nwanted {wanted!r}"


def table(*items, **named):
    return Table(list(items), [(name.encode(), value) for name, value in named.items()])


def plain(fields):
    """Without the underscore that Python wants after `from`."""
    return {name.rstrip("_"): value for name, value in fields.items()}


def arguments(body):
    """What a spawn's contents say, with trailing nils or not."""
    rest = dict(body.fields)
    return body.items + [None] * (rest.pop(b"n") - len(body.items)), rest


def by_name(name):
    return {"kind": "name", "name": name}


def by_pid(pid):
    return {"kind": "pid", "pid": pid}


def contents(value):
    return Encoder(value).contents()


class Talk:
    """A peer with a name and a listener of its own, and its session with the node."""

    names = 0
    seen = {}
    cookie = mapper_port = port = id = None

    def __init__(self, name=None, dial=True, listen=True, **options):
        if name is None:
            Talk.names += 1
            name = f"peer{Talk.names}"
        if listen:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.listener.settimeout(30)
            name += f"@127.0.0.1:{self.listener.getsockname()[1]}"
        elif "@" not in name:
            name += "@127.0.0.1"
        self.node = Node(name, Talk.cookie, **options)
        self.session = self.dial() if dial else None
        self.me = self.node.pid(1000)

    def dial(self, **changed):
        return self.begun(self.node.dial(Talk.port, LUA, **changed))

    def begun(self, session):
        session.seen = Talk.seen
        self.lua = session.hello["id"]
        return session

    def refused(self, **changed):
        """Dials, and is told why not."""
        dialled = changed.pop("dialled", LUA)
        try:
            self.node.dial(Talk.port, dialled, **changed)
        except Refused as refusal:
            return refusal.args[0]
        raise AssertionError("not refused")

    def pid(self, serial):
        return self.node.pid(serial)

    def send(self, kind, piece=None, **fields):
        self.session.send({"kind": kind, **plain(fields)}, piece=piece)

    def names_signal(self, kind, **fields):
        self.send("names", signal={"kind": kind, **plain(fields)})

    def move(self, kind, **fields):
        self.send("move", move={"kind": kind, **plain(fields)})

    def next(self, kind, **wanted):
        return self.session.next(kind, **wanted)

    def message(self, value, to=by_name(b"driver"), piece=None):
        self.send("message", piece=piece, from_=self.me, to=to, contents=contents(value))

    def received(self, to=None):
        """The next message for a process of ours: its value."""
        signal = self.next("message", to=to or by_pid(self.me))
        return self.session.value(signal["contents"])

    def tell(self, what, piece=None, **named):
        named = {"what": what.encode(), "from": self.me, "node": self.node.name.encode(), **named}
        self.message(table(**named), piece=piece)

    def result(self):
        value = self.received()
        assert isinstance(value, Table) and value.items[:1] == [b"result"], value
        return value.items[1:]

    def ask(self, what, **named):
        self.tell(what, **named)
        return self.result()

    def alive(self, pid):
        """Whether a process of the node is, by a question."""
        self.send("question", from_=self.me, to=by_pid(pid), id=7, question={"kind": "alive"})
        return self.next("answer", to=self.me)["answer"]["kind"] == "alive"

    def answer_question(self, to, kind, answer):
        """The node asks, we answer."""
        question = self.next("question")
        check((question["to"], question["question"]["kind"]), (to, kind))
        self.send("answer", to=question["from"], id=question["id"], answer=answer)

    def process(self, pid):
        return {"runtime": int.from_bytes(pid.runtime, "big"), "serial": pid.serial}

    def drop_names(self):
        """What a session begins with."""
        while not self.next("names")["signal"].get("last"):
            pass

    def closed(self):
        """Reads until the node ends the session: what it says."""
        try:
            while True:
                self.session.read_frame()
        except Closed as closed:
            return closed.args[0]

    def leave(self):
        self.session.items(kind="close", why="enough")
        self.session.sock.close()


# "The port mapper"


def mapper_answers():
    name = f"mapped{os.getpid()}"
    listener = socket.create_server(("127.0.0.1", 0))
    port, id = listener.getsockname()[1], os.urandom(16)
    first, second = Mapper(Talk.mapper_port), Mapper(Talk.mapper_port)
    check(first.ask(kind="find", name="nobody"), {"kind": "not found"})
    check(first.ask(kind="register", name=name, id=id, port=port), {"kind": "registered"})
    check(second.ask(kind="register", name=name, id=os.urandom(16), port=port), {"kind": "taken"})
    check(second.ask(kind="find", name=name), {"kind": "found", "id": id, "port": port})
    # Two requests at once: the replies come in order, a list in several parts.
    first.sock.sendall(b"".join(len(r).to_bytes(2, "big") + r for r in (write(REQUEST, {"kind": "list"}), write(REQUEST, {"kind": "find", "name": "lua"}))))
    listed, last = [], False
    while not last:
        reply = first.reply()
        listed, last = listed + reply["names"], reply["last"]
    assert {"name": name, "port": port} in listed and {"name": "lua", "port": Talk.port} in listed, listed
    check(first.reply(), {"kind": "found", "id": Talk.id, "port": Talk.port})
    # The name goes with the connection.
    first.sock.close()
    while second.ask(kind="find", name=name) != {"kind": "not found"}:
        pass
    check(second.ask(kind="register", name="a-b", id=id, port=port)["kind"], "refused")
    # Bytes behind a request are for newer versions.
    send_message(second.sock, write(REQUEST, {"kind": "find", "name": "nobody"}) + b"newer")
    check(second.reply(), {"kind": "not found"})
    # What is malformed drops the connection.
    for bad in (b"\0\1\7", b"\0\0", b"\2\1" + bytes(513), b"\0\4\1\2\xff\xff"):
        dropped = Mapper(Talk.mapper_port)
        dropped.sock.sendall(bad)
        check(dropped.sock.recv(1), b"")
    dropped = socket.create_connection(("127.0.0.1", Talk.mapper_port), timeout=30)
    dropped.sendall(b"rlua-pmd 2\n")
    assert dropped.recv(100) in (b"", MAPPER_HELLO)


# "Handshake"


def handshakes_are_refused():
    talk = Talk(dial=False)
    check(talk.refused(oldest=1, newest=1), {"kind": "no common version", "oldest": 2, "newest": 2})
    check(talk.refused(oldest=3, newest=4), {"kind": "no common version", "oldest": 2, "newest": 2})
    check(talk.refused(dialled="other@127.0.0.1"), {"kind": "another's name", "name": LUA})
    check(talk.refused(id=Talk.id), {"kind": "same runtime"})
    check(talk.refused(name=LUA), {"kind": "name in use"})
    for malformed in (
        {"id": VISITOR + b"xx"}, {"features": CONNECT_ALL | IS_VISITOR},
        *({"limits": {**LIMITS_OF_OURS, **limits}} for limits in ({"signals": 0}, {"runtimes": 1}, {"signal": 2**40})),
    ):
        check(talk.refused(**malformed), {"kind": "malformed"})
    # Another cookie: the second message does not open.
    talk.node.key = bytes(32)
    try:
        talk.dial()
        raise AssertionError("another cookie")
    except ValueError:
        pass
    talk.node.key = noise.cookie_key(Talk.cookie)
    # Versions and features that are not known yet, and bytes behind an opening, do not matter.
    talk.session = talk.dial(newest=9, features=CONNECT_ALL | 1 << 50)
    # Another runtime of that name; and the first, once the name was another's.
    other = Talk(name=talk.node.name, listen=False, dial=False)
    other.node.since = talk.node.since + 1
    check(other.refused(), {"kind": "name in use"})
    talk.leave()
    while True:
        try:
            other.session = other.dial()
            break
        except Refused as refusal:
            check(refusal.args[0], {"kind": "name in use"})
    other.leave()
    while (why := talk.refused()) != {"kind": "name was taken"}:
        check(why, {"kind": "name in use"})


def an_opening_is_short():
    sock = socket.create_connection(("127.0.0.1", Talk.port), timeout=30)
    state = noise.Handshake(noise.cookie_key(Talk.cookie))
    send_message(sock, state.write_first())
    state.read_second(read_message(sock))
    try:
        send_message(sock, state.split()[0].seal(bytes(1024)))
        check(sock.recv(1), b"")
    except ConnectionError:
        pass


def bytes_behind_an_opening_are_ignored():
    talk = Talk(dial=False)
    sock = socket.create_connection(("127.0.0.1", Talk.port), timeout=30)
    state = noise.Handshake(talk.node.key)
    send_message(sock, state.write_first())
    state.read_second(read_message(sock))
    ours, theirs = state.split()
    send_message(sock, ours.seal(write(OPENING, {"hello": talk.node.hello(), "dialled": LUA}) + b"newer"))
    reply = read(REPLY, theirs.open(read_message(sock)))
    check(reply["kind"], "ok")
    talk.session = talk.begun(Session(talk.node, sock, ours, theirs, reply["hello"]))
    check(talk.ask("echo", value=1), [1])
    talk.leave()


def a_peer_is_dialled():
    """By the port mapper, and by the port in its name; a refusal is told; the node proves the cookie, too."""
    talk = Talk(dial=False)
    helper = Talk()
    helper.tell("byname", node=talk.node.name.encode(), name=b"sink", value=b"hello")
    talk.session = talk.begun(talk.node.accept(talk.listener))
    check(talk.session.hello["name"], LUA)
    check(talk.received(to=by_name(b"sink")), b"hello")
    check(helper.result(), [True])
    talk.leave()
    talk = Talk(name="mapped", dial=False, listen=False)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    mapper = Mapper(Talk.mapper_port)
    check(mapper.ask(kind="register", name="mapped", id=talk.node.id, port=listener.getsockname()[1]), {"kind": "registered"})
    # The mapper has perhaps dialled the port to see that somebody listens: such a connection says nothing.
    helper.tell("isnodealive", node=b"mapped@127.0.0.1")
    while True:
        try:
            check(talk.node.accept(listener, reply={"kind": "leaving"})["hello"]["name"], LUA)
            break
        except Closed:
            pass
    check(helper.result(), [False])
    helper.tell("isnodealive", node=b"mapped@127.0.0.1")
    talk.session = talk.begun(talk.node.accept(listener))
    check(helper.result(), [True])
    talk.leave()
    helper.leave()


def both_dial_at_once():
    """Its attempt to us is under way: it has sent the first message, and waits for ours."""
    for name, kind in (("zz", "ok"), ("aa", "wait")):
        talk = Talk(name=name, dial=False)
        helper = Talk()
        helper.tell("isnodealive", node=talk.node.name.encode())
        theirs, _ = talk.listener.accept()
        theirs.settimeout(30)
        first = read_message(theirs)
        check(len(first), 48)
        # The greater name's responder says `wait`, until its own attempt has failed.
        waited = []
        talk.session = talk.begun(talk.node.dial(Talk.port, LUA, wait=lambda: (waited.append(1), theirs.close())))
        check(bool(waited), kind == "wait")
        if kind == "ok":
            check(theirs.recv(1), b"")
        check(helper.result(), [True])
        check(talk.ask("echo", value=name.encode()), [name.encode()])
        talk.leave()
        helper.leave()


def a_new_connection_ends_the_old_session():
    talk = Talk()
    check(talk.ask("echo", value=1), [1])
    old, talk.session = talk.session, talk.dial()
    try:
        while True:
            old.read_frame()
    except (Closed, ConnectionError):
        pass
    check(talk.ask("echo", value=2), [2])
    talk.leave()


# "Signals", "Frames"


def values_come_as_they_were():
    talk = Talk()
    me, lua = talk.me, Pid(talk.lua, 1)
    talk.tell("values")
    value = talk.received()
    check(talk.result(), [True])
    check(value.items[:13], [1, -2, 3, 2.5, 0.0, b"short", b"long" * 20, True, False, None, me, Stream(1), Native(b"print")])
    check([type(v) for v in value.items[:5]], [int, int, int, float, float])
    check(value.items[13:], [Table([Table([], [])], []), 2**63 - 1, -(2**63)])
    got = {key: part for key, part in value.fields}
    assert got[b"self"] is value and got[b"again"] is value.items[6] and got[b"shared"] is got[b"shared_too"]
    check((got[2.5], got[True], got[me], got[b"infinite"]), (b"float", b"boolean", lua, float("inf")))
    check(got[b"integers"].items, [i * 1000 - 5000 for i in range(1, 301)])
    check(got[b"floats"].items, [i / 4 for i in range(1, 301)])
    check(got[b"point"], Table([], [(b"x", 1)], b"point"))
    check(len(got), 11)
    # And back: what is sent is what comes.
    for value in (0, -1, 2**63 - 1, -(2**63), 0.5, b"", b"x" * 41, True, False, me, Stream(2), Native(b"print"), table(1, None, 3, a=b"b")):
        check(talk.ask("echo", value=value), [value])
    talk.leave()


def functions_bring_their_code():
    talk = Talk()
    talk.tell("functions")
    up, down, native = talk.received().items
    check(talk.result(), [True])
    check(len(talk.session.node.chunks), 1)
    check((up.hash, up.upvalues[0].value, up.upvalues[1].value), (down.hash, 1, 30))
    assert up.upvalues[0] is down.upvalues[0], "the two share an upvalue"
    twice = down.upvalues[1].value
    check((twice.hash, twice.upvalues[0].value), (up.hash, GLOBALS))
    check(native.name[:6], b"string")
    # A function of the node's code, and one of code that it has not, for which it asks.
    check(talk.ask("call", f=up, x=0), [31])
    chunk = copy.deepcopy(talk.node.chunks[up.hash])
    chunk["name"] = b"@made.lua"
    made = talk.node.made(chunk)
    asked = Talk.seen.get("code wanted", 0)
    check(talk.ask("call", f=twice._replace(hash=made), x=5), [34])
    check(Talk.seen["code wanted"], asked + 1)
    check(talk.next("code kept", hash=made)["hash"], made)
    # It has it now, and gives it to us; nobody has such a one; nobody has one that was sent.
    check(talk.ask("call", f=twice._replace(hash=made), x=6), [36])
    check(Talk.seen["code wanted"], asked + 1)
    talk.send("code wanted", hash=made)
    check(talk.next("code", hash=made)["contents"].bytes, talk.node.raw[made])
    talk.send("code wanted", hash=bytes(32))
    check(talk.next("code missing")["hash"], bytes(32))
    talk.tell("call", f=twice._replace(hash=bytes(32)), x=5)
    assert "nowhere" in talk.closed()


def long_messages_come_in_parts():
    talk = Talk()
    text = bytes(range(256)) * 200
    talk.tell("echo", value=text, piece=7000)
    check(talk.result(), [text])
    talk.tell("size", value=text, piece=60000)
    check(talk.result(), [len(text), text[:10], text[-10:]])
    # More than 1 MiB: nothing is acknowledged, the node goes on because we read.
    talk.tell("many", size=100_000, count=30)
    for i in range(1, 31):
        check(talk.received(), str(i).encode() + b"x" * 100_000)
    check(talk.result(), [True])
    assert Talk.seen["item begin"] > 30 and Talk.seen["item more"] > 50, Talk.seen
    talk.leave()


def links_and_monitors():
    talk = Talk()
    me, lua, p = talk.me, Pid(talk.lua, 1), talk.pid
    # The node's process links and monitors ours.
    check(talk.ask("link", who=p(1)), [True])
    check(talk.next("link"), {"kind": "link", "from": lua, "to": by_pid(p(1)), "id": 0})
    check(talk.ask("unlink", who=p(1)), [True])
    unlink = talk.next("unlink")
    check((unlink["from"], unlink["to"]), (lua, by_pid(p(1))))
    # What comes before the acknowledgement does not count; after it, it does.
    talk.send("exit", from_=p(1), to=lua, normal=False, contents=contents(b"too late"))
    talk.send("unlinked", from_=p(1), to=lua, id=unlink["id"])
    check(talk.ask("link", who=p(1)), [True])
    check(talk.next("link")["to"], by_pid(p(1)))
    talk.send("exit", from_=p(1), to=lua, normal=False, contents=contents(table(1, b"why")))
    got = {k: v for k, v in talk.ask("receive")[0].fields}
    check(got, {b"signal": b"EXIT", b"from": p(1), b"reason": table(1, b"why")})
    check(talk.ask("monitor", who=p(2)), [True])
    monitor = talk.next("monitor")
    check((monitor["from"], monitor["to"]), (lua, by_pid(p(2))))
    check(talk.ask("demonitor", who=p(2)), [True])
    check(talk.next("demonitor"), {**monitor, "kind": "demonitor"})
    check(talk.ask("monitor", who=p(2)), [True])
    talk.send("down", from_=p(2), to=lua, id=talk.next("monitor")["id"], contents=contents(b"gone"))
    got = {k: v for k, v in talk.ask("receive")[0].fields}
    check(got, {b"signal": b"DOWN", b"from": p(2), b"reason": b"gone"})
    # Ours link and monitor the node's: one that ends normally, one that does not, one that is not there.
    quiet, loud = talk.ask("child")[0], talk.ask("child", reason=b"why")[0]
    nobody = Pid(talk.lua, 12345)
    for who, reason in ((quiet, b"normal"), (loud, b"why"), (nobody, b"noproc")):
        talk.send("link", from_=p(3), to=by_pid(who), id=0)
        talk.send("monitor", from_=p(4), to=by_pid(who), id=who.serial)
        if who != nobody:
            check(talk.alive(who), True)
            talk.message(b"end", to=by_pid(who))
        ended = talk.next("exit", **{"from": who})
        check((ended["to"], ended["normal"]), (p(3), reason == b"normal"))
        check(talk.session.value(ended["contents"]), reason)
        down = talk.next("down", **{"from": who})
        check((down["to"], down["id"]), (p(4), who.serial))
        check(talk.session.value(down["contents"]), reason)
        check(talk.alive(who), False)
    # Taken away, they tell nothing.
    child = talk.ask("child", reason=b"why")[0]
    talk.send("link", from_=p(3), to=by_pid(child), id=0)
    talk.send("monitor", from_=p(4), to=by_pid(child), id=5)
    talk.send("unlink", from_=p(3), to=by_pid(child), id=6)
    talk.send("demonitor", from_=p(4), to=by_pid(child), id=5)
    check(talk.next("unlinked"), {"kind": "unlinked", "from": child, "to": p(3), "id": 6})
    talk.message(b"end", to=by_pid(child))
    while talk.alive(child):
        pass
    check([s for s in talk.session.waiting if s["kind"] in ("exit", "down")], [])
    # What a link brings ends a process that does not trap exits, if it is not a normal end.
    child = talk.ask("child", link=p(5))[0]
    check(talk.next("link"), {"kind": "link", "from": child, "to": by_pid(p(5)), "id": 0})
    talk.send("exit", from_=p(5), to=child, normal=True, contents=contents(b"normal"))
    check(talk.alive(child), True)
    talk.send("link", from_=p(5), to=by_pid(child), id=0)
    talk.send("monitor", from_=me, to=by_pid(child), id=9)
    talk.send("exit", from_=p(5), to=child, normal=False, contents=contents(b"x"))
    check(talk.session.value(talk.next("down", id=9)["contents"]), b"x")
    # A session that ends is the end of all that is at its other end.
    check(talk.ask("monitor", who=p(6)), [True])
    talk.leave()
    talk = Talk()
    got = {k: v for k, v in talk.ask("receive")[0].fields}
    check(got, {b"signal": b"DOWN", b"from": p(6), b"reason": b"noconnection"})
    talk.leave()


def what_is_asked_and_done():
    talk = Talk()
    me, lua, p = talk.me, Pid(talk.lua, 1), talk.pid
    # Kills: ours are asked first whether they live; the node's ends with the reason.
    talk.tell("kill", who=p(1), reason=b"because")
    talk.answer_question(by_pid(p(1)), "alive", {"kind": "dead"})
    check(talk.result(), [False])
    talk.tell("kill", who=p(1), reason=b"because")
    talk.answer_question(by_pid(p(1)), "alive", {"kind": "alive", "pid": p(1)})
    check(talk.result(), [True])
    kill = talk.next("kill")
    check((kill["from"], kill["to"], talk.session.value(kill["contents"])), (lua, by_pid(p(1)), b"because"))
    child = talk.ask("child")[0]
    talk.send("monitor", from_=me, to=by_pid(child), id=1)
    talk.send("kill", from_=me, to=by_pid(child), contents=contents(table(2, 3)))
    check(talk.session.value(talk.next("down", id=1)["contents"]), table(2, 3))
    # An error in a process.
    check(talk.ask("interrupt", who=p(2)), [True])
    check(talk.next("interrupt"), {"kind": "interrupt", "from": lua, "to": by_pid(p(2))})
    child = talk.ask("child")[0]
    talk.send("monitor", from_=me, to=by_pid(child), id=2)
    talk.send("interrupt", from_=me, to=by_pid(child))
    check(talk.session.value(talk.next("down", id=2)["contents"]), b"interrupted!")
    # Who has a name: the node asks us, we ask it. Of a name information is not told, but whose it is.
    talk.tell("isprocessalive", there=True, name=b"ours")
    for asked in by_name(b"ours"), by_pid(p(3)):
        talk.answer_question(asked, "alive", {"kind": "alive", "pid": p(3)})
    check(talk.result(), [True])
    for kind in ("alive", "information"):
        talk.send("question", from_=me, to=by_name(b"driver"), id=9, question={"kind": kind})
        check(talk.next("answer"), {"kind": "answer", "to": me, "id": 9, "answer": {"kind": "alive", "pid": lua}})
    talk.send("question", from_=me, to=by_name(b"nobody"), id=10, question={"kind": "alive"})
    check(talk.next("answer"), {"kind": "answer", "to": me, "id": 10, "answer": {"kind": "dead"}})
    # Information, both ways.
    child = talk.ask("child", link=p(4))[0]
    talk.send("monitor", from_=p(5), to=by_pid(child), id=3)
    while True:
        talk.send("question", from_=me, to=by_pid(child), id=11, question={"kind": "information"})
        found = read(WHOLE_INFORMATION, talk.next("answer", id=11)["answer"]["contents"].bytes)
        if found["activity"]["kind"] == "waiting":
            break
    assert found["heap"] > 500 and found["reductions"] > 0 and b"program.lua:" in found["line"], found
    check((found["name"], found["mailbox"], found["links"]), (None, 0, [talk.process(p(4))]))
    check((found["monitors"], found["parent"]), ([], talk.process(lua)))
    check((found["waits"], found["whom"], found["timed"]), ({"kind": "message"}, [], False))
    ours = dict(name=b"ours", activity={"kind": "ready"}, line=b"file.py:12", function=b"f", mailbox=3, links=[talk.process(p(6))])
    ours = write(INFORMATION, dict(ours, monitors=[], heap=1000, reductions=55, parent=talk.process(lua)))
    talk.tell("processinfo", who=p(7))
    talk.answer_question(by_pid(p(7)), "information", {"kind": "information", "contents": Contents([], ours)})
    check(talk.result(), [b"ready", 12, 3, 1000, b"ours", p(6), lua, b"file.py"])
    talk.leave()


def processes_are_spawned():
    talk = Talk()
    me, lua, p = talk.me, Pid(talk.lua, 1), talk.pid
    # By the node: a function with a global, the name of one; linked, monitored.
    talk.tell("spawn")
    spawn = talk.next("spawn")
    check((spawn["from"], spawn["body"], spawn["linked"], spawn["monitored"]), (lua, {"kind": "function"}, False, None))
    body = talk.session.value(spawn["contents"])
    function, *values = arguments(body)[0]
    check((values, arguments(body)[1]), ([1, None, b"three", None], {b"globals": table(offset=12)}))
    assert isinstance(function, Function), body
    talk.send("spawned", to=lua, id=spawn["id"], result={"kind": "ok", "value": p(1)})
    check(talk.result(), [p(1)])
    talk.tell("spawn", body=b"named")
    spawn = talk.next("spawn")
    check((spawn["body"], spawn["monitored"]), ({"kind": "global", "name": b"named"}, None))
    check(arguments(talk.session.value(spawn["contents"])), ([1, None, b"three", None], {}))
    talk.send("spawned", to=lua, id=spawn["id"], result={"kind": "failed", "why": b"no such body"})
    check(talk.result(), [None, b"no such body"])
    talk.tell("spawnlink")
    spawn = talk.next("spawn")
    check((spawn["linked"], spawn["monitored"]), (True, None))
    check(talk.session.value(spawn["contents"]), Table([me], [(b"n", 1)]))
    talk.send("spawned", to=lua, id=spawn["id"], result={"kind": "ok", "value": p(2)})
    check(talk.result(), [p(2)])
    talk.send("exit", from_=p(2), to=lua, normal=False, contents=contents(b"early"))
    check(dict(talk.ask("receive")[0].fields), {b"signal": b"EXIT", b"from": p(2), b"reason": b"early"})
    talk.tell("spawnmonitor")
    spawn = talk.next("spawn")
    assert not spawn["linked"] and spawn["monitored"] is not None, spawn
    talk.send("spawned", to=lua, id=spawn["id"], result={"kind": "ok", "value": p(3)})
    talk.send("down", from_=p(3), to=lua, id=spawn["monitored"], contents=contents(b"done"))
    check(talk.result(), [p(3)])
    check(dict(talk.ask("receive")[0].fields), {b"signal": b"DOWN", b"from": p(3), b"reason": b"done"})
    # By us: the same, the other way.
    spawn = dict(from_=me, body={"kind": "global", "name": b"adder"}, linked=False, monitored=5)
    talk.send("spawn", id=1, contents=contents(Table([20, 22], [(b"n", 2)])), **spawn)
    child = talk.next("spawned", id=1)["result"]["value"]
    down = talk.next("down", id=5)
    check((down["from"], talk.session.value(down["contents"])), (child, table(sum=42)))
    spawn["body"] = {"kind": "global", "name": b"nothing"}
    talk.send("spawn", id=2, contents=contents(Table([], [(b"n", 0)])), **spawn)
    check(talk.next("spawned", id=2)["result"]["kind"], "failed")
    spawn.update(body={"kind": "global", "name": b"waiter"}, linked=True, monitored=None)
    talk.send("spawn", id=3, contents=contents(Table([], [(b"n", 0)])), **spawn)
    child = talk.next("spawned", id=3)["result"]["value"]
    talk.send("monitor", from_=p(4), to=by_pid(child), id=9)
    talk.send("exit", from_=me, to=child, normal=False, contents=contents(b"x"))
    check(talk.session.value(talk.next("down", id=9)["contents"]), b"x")
    spawn.update(body={"kind": "function"}, linked=False, monitored=6)
    for globals, reason in ((Table([], [(b"offset", 100)]), b"normal"), (Table([], [(b"offset", b"none")]), None)):
        value = Table([function, 4], [(b"n", 2), (b"globals", globals)])
        talk.send("spawn", id=4, contents=contents(value), **spawn)
        child = talk.next("spawned", id=4)["result"]["value"]
        why = talk.session.value(talk.next("down", id=6)["contents"])
        assert why == reason or reason is None and b"attempt to" in why, why
    talk.leave()


def names_are_those_of_all():
    for name, first in (("zz", False), ("aa", True)):
        talk = Talk(name=name)
        me, lua, p = talk.me, Pid(talk.lua, 1), talk.pid
        names = talk.next("names")["signal"]
        check(([(e["name"], e["pid"], e["stamp"]["node"]) for e in names["entries"]], names["last"]), ([(b"driver", lua, LUA)], False))
        check(talk.next("names")["signal"], {"kind": "names", "entries": [], "last": True})
        check(talk.next("connected")["last"], True)
        # The node registers: it asks the least first, and lets that one keep it waiting.
        talk.tell("register", name=b"theirs")
        lock = talk.next("names")["signal"]
        check((lock["kind"], lock["name"], lock["wait"]), ("lock", b"theirs", first))
        talk.names_signal("granted", id=lock["id"])
        given = talk.next("names")["signal"]
        check((given["kind"], given["entry"]["name"], given["entry"]["pid"]), ("given", b"theirs", lua))
        check(talk.result(), [True])
        check(talk.ask("register", name=b"theirs")[0], False)
        # We register: it is locked, given, known.
        other = Talk()
        talk.names_signal("lock", id=1, name=b"ours", wait=True)
        check(talk.next("names")["signal"], {"kind": "granted", "id": 1})
        other.session.waiting.clear()
        other.drop_names()
        other.names_signal("lock", id=2, name=b"ours", wait=False)
        check(other.next("names")["signal"], {"kind": "refused", "id": 2, "given": False})
        other.names_signal("lock", id=3, name=b"ours", wait=True)
        talk.names_signal("unlock", id=1, name=b"ours")
        check(other.next("names")["signal"], {"kind": "granted", "id": 3})
        other.leave()
        stamp = {"counter": given["entry"]["stamp"]["counter"] + 1, "node": talk.node.name}
        talk.names_signal("lock", id=4, name=b"ours", wait=True)
        check(talk.next("names")["signal"], {"kind": "granted", "id": 4})
        talk.names_signal("given", entry={"name": b"ours", "pid": p(7), "stamp": stamp})
        talk.tell("whereis", name=b"ours")
        talk.answer_question(by_pid(p(7)), "alive", {"kind": "alive", "pid": p(7)})
        check(talk.result(), [p(7)])
        check(talk.ask("registered")[0].items, [b"driver", b"ours", b"theirs"])
        talk.names_signal("lock", id=5, name=b"theirs", wait=True)
        check(talk.next("names")["signal"], {"kind": "refused", "id": 5, "given": True})
        # Names of our processes are given and taken by us; `done` says so.
        talk.tell("unregister", name=b"ours")
        give = talk.next("names")["signal"]
        check((give["kind"], give["from"], give["name"], give["pid"]), ("give", lua, b"ours", None))
        talk.names_signal("given no more", name=b"ours")
        talk.names_signal("done", to=lua, id=give["id"], result={"kind": "ok"})
        check(talk.result(), [True])
        talk.tell("register", name=b"more", who=p(8))
        give = talk.next("names")["signal"]
        check((give["kind"], give["name"], give["pid"]), ("give", b"more", p(8)))
        talk.names_signal("done", to=lua, id=give["id"], result={"kind": "failed", "why": b"not today"})
        check(talk.result(), [False, b"not today"])
        talk.names_signal("give", from_=me, id=6, name=b"given", pid=lua)
        lock = talk.next("names")["signal"]
        check((lock["kind"], lock["name"]), ("lock", b"given"))
        talk.names_signal("granted", id=lock["id"])
        told = [talk.next("names")["signal"] for _ in range(2)]
        check(sorted(t["kind"] for t in told), ["done", "given"])
        assert {"kind": "done", "to": me, "id": 6, "result": {"kind": "ok"}} in told, told
        # Refused by one, it is unlocked at the others.
        other = Talk(name="a")
        other.drop_names()
        talk.tell("register", name=b"refused")
        for t, kind, fields in ((other, "granted", {}), (talk, "refused", {"given": True})):
            lock = t.next("names")["signal"]
            check((lock["kind"], lock["name"], lock["wait"]), ("lock", b"refused", t is other))
            t.names_signal(kind, id=lock["id"], **fields)
        for t in other, talk:
            check(t.next("names")["signal"]["kind"], "unlock")
        check(talk.result()[0], False)
        other.leave()
        # A smaller stamp wins.
        talk.names_signal("given", entry={"name": b"theirs", "pid": p(9), "stamp": {"counter": 0, "node": talk.node.name}})
        check(talk.next("names")["signal"], {"kind": "given no more", "name": b"theirs"})
        got = dict(talk.ask("receive")[0].fields)
        check(got, {b"signal": b"NAMECONFLICT", b"name": b"theirs", b"winner": p(9)})
        check(talk.ask("unregister", name=b"given"), [True])
        check(talk.next("names")["signal"], {"kind": "given no more", "name": b"given"})
        talk.leave()


def a_process_moves():
    """To us, who keep its bytes, and back, where it goes on."""
    talk = Talk()
    child = talk.ask("migrate")[0]
    offer = talk.next("move")["move"]
    check((offer["kind"], offer["pid"], offer["epoch"]), ("offer", child, 1))
    talk.move("refused", id=offer["id"], why=b"no room")
    check(talk.received(), table(b"moved", None, b"no room"))
    again = talk.next("move")["move"]
    check((again["kind"], again["pid"], again["epoch"]), ("offer", child, 1))
    assert again["id"] > offer["id"], again
    other = Talk()
    talk.move("ready", id=again["id"], pid=child)
    check(talk.next("move")["move"]["kind"], "commit")
    talk.move("running", id=again["id"])
    # Others hear of it, and what is sent to it comes to us.
    moved = other.next("move")["move"]
    check((moved["kind"], moved["pid"], moved["epoch"], moved["id"], moved["node"]), ("moved", child, 1, talk.node.id, talk.node.name))
    check(talk.ask("send", who=child, value=b"from its birthplace")[0], True)
    other.send("message", from_=other.me, to=by_pid(child), contents=contents(b"from another"))
    for value in b"from its birthplace", b"from another":
        forward = talk.next("move")["move"]
        check((forward["kind"], forward["to"], forward["signal"]["kind"]), ("forward", child, "message"))
        check(talk.session.value(forward["signal"]["contents"]), value)
    # Who has sent by the birthplace is told where it is.
    found = other.next("move")["move"]
    check((found["kind"], found["pid"], found["epoch"], found["id"], found["node"]), ("found", child, 1, talk.node.id, talk.node.name))
    later, whole = moved_again(again["contents"])
    check((whole["version"], whole["epoch"], whole["is_root"], whole["process"]["serial"]), (2, 1, False, child.serial))
    check(whole["runtimes"][whole["process"]["runtime"]]["id"], int.from_bytes(talk.lua, "big"))
    talk.move("offer", id=1, pid=child, epoch=2, contents=later)
    check(talk.next("move")["move"], {"kind": "ready", "id": 1, "pid": child})
    talk.move("commit", id=1, pid=child, names=[], told=[], watched=[])
    # The mark goes the way that its messages went before: to us, and on to where the process is.
    mark = talk.next("move")["move"]
    check((mark["kind"], mark["pid"], mark["asker"]), ("mark", child, talk.lua))
    talk.move(**mark)
    check(talk.next("move")["move"], {"kind": "found", "pid": child, "epoch": 2, "id": talk.lua, "node": LUA})
    check(talk.next("move")["move"], {"kind": "running", "id": 1})
    check(talk.received(), table(b"moved", True))
    talk.message(b"hello", to=by_pid(child))
    check(talk.received(), table(b"got", b"hello", LUA.encode(), LUA.encode()))
    back = other.next("move")["move"]
    check((back["kind"], back["pid"], back["epoch"], back["id"]), ("moved", child, 2, talk.lua))
    # Its end is told to who has had it.
    talk.send("kill", from_=talk.me, to=by_pid(child), contents=contents(b"killed"))
    check(talk.next("move")["move"], {"kind": "ended", "pid": child, "epoch": 2, "lost": False})
    talk.leave()
    other.leave()


def paths_are_numbered():
    """To those who know of it. What comes by an earlier path than what has come does not come any more. That others have what was
    sent before is passed on, and who has sent what is sent on is said."""
    talk = Talk(features=CONNECT_ALL | PATHS | RELAYS | SENDERS)
    child = talk.ask("migrate")[0]
    talk.move("refused", id=talk.next("move")["move"]["id"], why=b"no room")
    check(talk.received(), table(b"moved", None, b"no room"))
    offer = talk.next("move")["move"]
    other = Talk(features=CONNECT_ALL | PATHS | RELAYS)
    talk.move("ready", id=offer["id"], pid=child)
    check(talk.next("move")["move"], {"kind": "paths", "id": offer["id"], "pid": child, "heard": []})
    unheard = talk.next("move")["move"]
    check(unheard, {"kind": "unheard", "id": offer["id"], "pid": child, "relayed": [other.node.name], "without": []})
    check(talk.next("move")["move"]["kind"], "commit")
    talk.move("running", id=offer["id"])
    check(other.next("move")["move"]["kind"], "moved")
    other.move("settled", pid=child, epoch=1)
    check(talk.next("move")["move"], {"kind": "relayed", "pid": child, "epoch": 1, "node": other.node.name})
    other.send("message", from_=other.me, to=by_pid(child), contents=contents(b"straight"))
    forward = talk.next("move")["move"]
    check((forward["kind"], forward["to"], forward["by"][0]), ("forward of", child, {"id": other.node.id, "path": 0}))
    check((forward["from"], forward["epoch"]), (other.me, 0))
    check([hop["id"] for hop in forward["by"]], [other.node.id, talk.lua])
    assert forward["by"][1]["path"] > 0, forward
    check(other.next("move")["move"]["kind"], "found")
    # Other signals say that themselves.
    other.send("demonitor", from_=other.me, to=by_pid(child), id=99)
    check(talk.next("move")["move"]["kind"], "forward by")
    later, _ = moved_again(offer["contents"])
    talk.move("offer", id=1, pid=child, epoch=2, contents=later)
    check(talk.next("move")["move"]["kind"], "ready")
    talk.move("paths", id=1, pid=child, heard=[{"id": other.node.id, "path": 5}])
    talk.move("commit", id=1, pid=child, names=[], told=[], watched=[])
    talk.move(**talk.next("move")["move"])
    check(talk.next("move")["move"], {"kind": "found", "pid": child, "epoch": 2, "id": talk.lua, "node": LUA})
    check(talk.next("move")["move"], {"kind": "running", "id": 1})
    check(talk.received(), table(b"moved", True))
    for path, value in ((4, b"late"), (5, b"in order"), (6, b"later")):
        signal = {"kind": "message", "contents": contents(value)}
        other.move("forward by", to=child, by=[{"id": other.node.id, "path": path}], signal=signal)
    check(talk.received().items[1], b"in order")
    check(talk.received().items[1], b"later")
    talk.send("kill", from_=talk.me, to=by_pid(child), contents=contents(b"killed"))
    talk.leave()
    other.leave()


def calls_are_answered():
    talk = Talk()
    me, p = talk.me, talk.pid
    # The node calls a process of ours: a monitor, and a message that names it.

    def called(time):
        talk.tell("request", who=p(1), value=b"question", time=time)
        monitor = talk.next("monitor")
        request = talk.next("message", to=by_pid(p(1)))
        check(monitor["to"], by_pid(p(1)))
        fields = dict(talk.session.value(request["contents"]).fields)
        check(fields, {b"signal": b"CALL", b"from": monitor["from"], b"to": monitor["id"], b"request": b"question"})
        return monitor["from"], monitor["id"]

    def respond(to, id, value, who=p(1), over=True, refused=False):
        talk.send("response", from_=who, to=to, id=id, over=over, refused=refused, contents=contents(value))

    caller, id = called(20000)
    respond(caller, id, 42)
    check(talk.result(), [42])
    caller, id = called(20000)
    respond(caller, id, table(failed=b"too much", reason=b"full"), refused=True)
    value, why, reason = talk.result()
    check((value, reason), (None, b"full"))
    assert why.endswith(b": too much"), why
    # Another answers for it: the caller takes its monitor back.
    caller, id = called(20000)
    respond(caller, id, b"another's", who=p(2), over=False)
    check(talk.next("demonitor", id=id)["from"], caller)
    check(talk.result(), [b"another's"])
    # It ends instead; a second answer, and one that is late, are dropped.
    caller, id = called(20000)
    talk.send("down", from_=p(1), to=caller, id=id, contents=contents(b"broken"))
    check(talk.result()[2], b"broken")
    respond(caller, id, b"of one that has ended", over=False)
    caller, id = called(1)
    check(talk.next("demonitor", id=id)["from"], caller)
    check(talk.result()[2], b"timeout")
    respond(caller, id, b"late")
    check(talk.ask("mailbox"), [0])
    # A process of ours calls one there, which answers, and one that does not.
    answers = talk.ask("answers")[0]
    for id, value in ((9, b"hello"), (10, None)):
        talk.send("monitor", from_=me, to=by_pid(answers), id=id)
        request = Table([], [(b"signal", b"CALL"), (b"from", me), (b"to", id), (b"request", value)][: 4 if value else 3])
        talk.message(request, to=by_pid(answers))
        if value:
            response = talk.next("response")
            check((response["from"], response["to"], response["id"]), (answers, me, id))
            check((response["over"], response["refused"], talk.session.value(response["contents"])), (True, False, value))
    down = talk.next("down")
    check((down["id"], talk.session.value(down["contents"])), (10, b"unasked"))
    talk.leave()


def visitors_are_no_nodes():
    helper = Talk()
    visitor = Talk(listen=False, features=IS_VISITOR, id=VISITOR + b"\1\2")
    visitor.me = visitor.pid(2**40 - 5)
    spawn = dict(from_=visitor.me, body={"kind": "global", "name": b"adder"}, linked=False, monitored=5)
    visitor.send("spawn", id=1, contents=contents(Table([20, 22], [(b"n", 2)])), **spawn)
    check(visitor.session.value(visitor.next("down", id=5)["contents"]), table(sum=42))
    check(visitor.ask("echo", value=visitor.me), [visitor.me])
    check([s for s in visitor.session.waiting if s["kind"] in ("connected", "names")], [])
    assert visitor.node.name.encode() not in helper.ask("nodes")[0].items
    helper.leave()
    # Two may have one name; there may be 64.
    visits = [Talk(name="same", listen=False, dial=False, features=IS_VISITOR, id=VISITOR + bytes([2, i])) for i in range(64)]
    for visit in visits[:63]:
        visit.session = visit.dial()
    check(visits[63].refused(), {"kind": "too many"})
    for visit in visits[:63]:
        visit.leave()
    visitor.leave()


def what_breaks_the_protocol_ends_the_session():
    helper = Talk()
    limits = helper.session.hello["limits"]

    def item(kind, **fields):
        return lambda t: write(ITEM, {"kind": kind, **fields}, t.session.runtimes)

    def signal(kind, **fields):
        return lambda t: write(ITEM, {"kind": "signal", "signal": {"kind": kind, "from": t.me, **fields}}, t.session.runtimes)

    def begin(slot, length, data=b""):
        signal = {"kind": "message", "to": by_name(b"driver"), "contents": Contents([], data)}
        return lambda t: write(ITEM, {"kind": "begin", "slot": slot, "length": length, "signal": {**signal, "from": t.me}}, t.session.runtimes)

    def both(*parts):
        return lambda t: b"".join(part(t) for part in parts)

    def raw(data):
        return lambda t: data

    by_a_name = by_name(b"driver")
    broken = dict(
        an_empty_frame=raw(b""), an_unknown_item=raw(b"\7"), an_unknown_signal=raw(b"\0\x63"), half_an_item=raw(b"\0\0"),
        no_runtime=raw(b"\0\0\x09\1\1\6driver\0\1\0"), a_long_number=raw(b"\0" + b"\x80" * 9 + b"\1"),
        a_serial_number=signal("link", to=by_pid(Pid(helper.lua, 2**44)), id=0),
        a_bool=raw(b"\0\x13\0\2"), a_node_s_name=item("runtime", id=bytes(16), node="no name"),
        more_of_nothing=item("more", slot=0, bytes=b"x"), nothing_more=both(begin(0, 9), item("more", slot=0, bytes=b"")),
        a_slot_twice=both(begin(1, 9), begin(1, 9)), a_slot_of_none=begin(limits["signals"], 9), no_length=begin(0, 0),
        too_long=begin(0, limits["signal"] + 1), too_much=both(begin(0, limits["all"]), begin(1, 1)),
        more_than_promised=both(begin(0, 2), item("more", slot=0, bytes=b"xyz")),
        bytes_at_the_beginning=begin(0, 2, b"x"),
        a_message_cut_off=signal("message", to=by_a_name, contents=Contents([], b"\1\0")),
        a_message_left_over=signal("message", to=by_a_name, contents=Contents([], b"\1\0\0\0\0")),
        code_of_another_hash=lambda t: write(ITEM, {"kind": "signal", "signal": {"kind": "code", "hash": bytes(32), "contents": Contents([], CHUNK_HEAD)}}),
        **{f"{kind}_by_name": signal(kind, to=by_a_name, id=1) for kind in ("link", "unlink", "monitor", "demonitor")},
        a_kill_by_name=signal("kill", to=by_a_name, contents=contents(b"x")), an_interrupt_by_name=signal("interrupt", to=by_a_name),
        reached=lambda t: signal("reached", to=t.me, id=1)(t),
    )
    for what, text in broken.items():
        # Whom others' faults do not concern; and so it is heard of.
        check(helper.ask("echo", value=what.encode()), [what.encode()])
        talk = Talk()
        talk.message(b"nothing", to=by_name(b"nobody"))
        talk.session.runtimes.append(helper.lua)
        talk.session.items(kind="runtime", id=helper.lua, node=None)
        talk.session.send_text(text(talk))
        try:
            assert talk.closed(), what
        except TimeoutError:
            raise AssertionError(f"{what} does not end the session") from None
        except ConnectionError:
            pass
    # Frames that do not open: altered, repeated, too long.
    for how in ("altered", "repeated", "long"):
        talk = Talk()
        sealed = talk.session.ours.seal(b"\4")
        send_message(talk.session.sock, {"altered": sealed[:-1] + bytes([sealed[-1] ^ 1]), "repeated": sealed, "long": bytes(65017)}[how])
        if how == "repeated":
            send_message(talk.session.sock, sealed)
        try:
            talk.closed()
        except ConnectionError:
            pass
    check(helper.ask("echo", value=1), [1])
    helper.leave()


def a_session_is_captured():
    """A little of much: for a decoder without a node."""
    talk = Talk(dial=False)
    talk.node.captured = []
    talk.session = talk.dial()
    me, lua, p = talk.me, Pid(talk.lua, 1), talk.pid
    talk.session.items(kind="ping")
    check(talk.ask("echo", value=table(1, -2, 0.5, b"text", True, None, me, Stream(1), Native(b"print"), a=table(b=b"c"))), [
        table(1, -2, 0.5, b"text", True, None, me, Stream(1), Native(b"print"), a=table(b=b"c"))])
    talk.tell("small")
    function = talk.received()
    check(talk.result(), [True])
    check([u.value for u in function.upvalues], [40])
    check(talk.ask("call", f=function, x=2), [43])
    child = talk.ask("child", reason=b"why", link=p(1))[0]
    talk.send("monitor", from_=p(2), to=by_pid(child), id=1)
    talk.message(b"end", to=by_pid(child))
    for kind in "link", "exit", "down":
        check(talk.next(kind)["from"], child)
    talk.tell("spawn", body=b"named")
    spawn = talk.next("spawn")
    talk.send("spawned", to=lua, id=spawn["id"], result={"kind": "ok", "value": p(3)})
    check(talk.result(), [p(3)])
    check(talk.ask("interrupt", who=p(3)), [True])
    talk.leave()
    return [f"{side} {kind} {data.hex()}" for side, kind, data in talk.node.captured]


def silence_ends_a_session(talk):
    """Nothing was said since it began: pings have come, and then the end."""
    talk.session.answers_pings = False
    why = talk.closed()
    assert "item ping" in talk.session.seen and "nothing was heard" in why, why


def the_node_leaves():
    talk = Talk()
    check(talk.ask("monitor", who=talk.pid(1)), [True])
    talk.message(b"shutdown")
    assert "shutdown" in talk.closed()


# What no node sends today, and what a test with one node does not bring about.
NEVER = {"reached", "tied", "question: has it come", "question: will it move", "question: could it move", "answer: done", "answer: lost"}
NEVER |= {f"move: {kind}" for kind in ("refused", "abort", "settled", "mark is out", "committed?", "runs?", "goes on")}


def all_has_been_seen():
    wanted = {f"item {kind}" for kind in ITEM.kinds} | set(SIGNAL.kinds)
    for outer, inner in (("names", NAME_SIGNAL), ("question", QUESTION), ("answer", ANSWER), ("spawn", BODY), ("spawned", result(PID)), ("move", MOVE)):
        wanted |= {f"{outer}: {kind}" for kind in inner.kinds}
    check(wanted - NEVER - set(Talk.seen), set())
    check(NEVER & set(Talk.seen), set())


def main(cookie_file, mapper_port, capture=None):
    noise.check()
    with open(cookie_file, "rb") as file:
        Talk.cookie = file.read().removesuffix(b"\n")
    Talk.mapper_port = int(mapper_port)
    found = Mapper(Talk.mapper_port).ask(kind="find", name="lua")
    Talk.port, Talk.id = found["port"], found["id"]
    mapper_answers()
    handshakes_are_refused()
    an_opening_is_short()
    bytes_behind_an_opening_are_ignored()
    a_peer_is_dialled()
    both_dial_at_once()
    a_new_connection_ends_the_old_session()
    values_come_as_they_were()
    functions_bring_their_code()
    long_messages_come_in_parts()
    links_and_monitors()
    what_is_asked_and_done()
    processes_are_spawned()
    names_are_those_of_all()
    silent = Talk()
    a_process_moves()
    paths_are_numbered()
    calls_are_answered()
    visitors_are_no_nodes()
    what_breaks_the_protocol_ends_the_session()
    captured = a_session_is_captured()
    silence_ends_a_session(silent)
    the_node_leaves()
    all_has_been_seen()
    list(decoded(captured))
    if capture:
        with open(capture, "w") as file:
            file.write(CAPTURE_HEAD + "\n".join(captured) + "\n")
    print("all is well")


CAPTURE_HEAD = """# The plain text of a session with a node that ran program.lua, as talk.py has it (`a_session_is_captured`): who has sent it
# (`>` the node, `<` the peer), what it is, its bytes. `BLESS=1 cargo test --test protocol` makes it, and session.out, anew.
"""


if __name__ == "__main__":
    main(*sys.argv[1:])

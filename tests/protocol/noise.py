"""What two nodes prove the cookie with (spec/protocol.md, "The key" and "Handshake"): the key, and Noise NNpsk2.

Journey: none, it is a test's. X25519 is RFC 7748's, ChaCha20-Poly1305 RFC 8439's; SHA-256 and HMAC are Python's. Written for
reading, not for secrets: its time depends on them.
"""

import hashlib
import hmac
import os
import re
import sys
from array import array

# "The key"

LABEL = b"rlua-actor node key 1"


def cookie_key(cookie):
    """The key of a cookie that was generated; for any other the standard library lacks argon2id."""
    assert re.fullmatch(rb"rlua-[0-9a-f]{64}", cookie), "a generated cookie"
    return hmac.digest(cookie, LABEL, "sha256")


# X25519 (RFC 7748, section 5)

P = 2**255 - 19


def x25519(scalar, point):
    k = int.from_bytes(scalar, "little") & (2**254 - 8) | 2**254
    x1 = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in reversed(range(255)):
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE = (9).to_bytes(32, "little")


# ChaCha20-Poly1305 (RFC 8439)


def chacha20(key, nonce, counter, length):
    """A key stream. Word i of all blocks is one large integer, with 64 bits for each block's 32: so blocks are made at once."""
    blocks = -(-length // 64)
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * blocks, "little")
    mask = ones * 0xFFFFFFFF
    words = [int.from_bytes((b"expand 32-byte k" + key)[i : i + 4], "little") * ones for i in range(0, 48, 4)]
    words.append(int.from_bytes(b"".join((counter + i).to_bytes(8, "little") for i in range(blocks)), "little"))
    words += [int.from_bytes(nonce[i : i + 4], "little") * ones for i in range(0, 12, 4)]
    s = list(words)

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = s[x] + s[y] & mask
            mixed = s[z] ^ s[x]
            s[z] = (mixed << turn | mixed >> 32 - turn) & mask

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    stream = array("I", bytes(64 * blocks))
    for i in range(16):
        lanes = array("I", (s[i] + words[i] & mask).to_bytes(8 * blocks, "little"))
        stream[i::16] = lanes[0::2]
    assert stream.itemsize == 4 and sys.byteorder == "little"
    return stream.tobytes()[:length]


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    sum = 0
    for i in range(0, len(data), 16):
        sum = (sum + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (sum + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def tag(key, nonce, ad, text):
    def padded(data):
        return data + bytes(-len(data) % 16)

    lengths = len(ad).to_bytes(8, "little") + len(text).to_bytes(8, "little")
    return poly1305(chacha20(key, nonce, 0, 32), padded(ad) + padded(text) + lengths)


def xor(a, b):
    return (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).to_bytes(len(a), "little")


class Cipher:
    """One direction: a key, and how many messages went under it (Noise, section 12.3)."""

    def __init__(self, key):
        self.key, self.count = key, 0

    def nonce(self):
        self.count += 1
        return bytes(4) + (self.count - 1).to_bytes(8, "little")

    def seal(self, text, ad=b""):
        nonce = self.nonce()
        sealed = xor(text, chacha20(self.key, nonce, 1, len(text)))
        return sealed + tag(self.key, nonce, ad, sealed)

    def open(self, sealed, ad=b""):
        nonce, text = self.nonce(), sealed[:-16]
        if len(sealed) < 16 or not hmac.compare_digest(tag(self.key, nonce, ad, text), sealed[-16:]):
            raise ValueError("it does not open")
        return xor(text, chacha20(self.key, nonce, 1, len(text)))


# Noise (revision 34, section 5), for the pattern NNpsk2: -> e, <- e ee psk

NAME = b"Noise_NNpsk2_25519_ChaChaPoly_SHA256"
PROLOGUE = b"rlua-actor node 1"


class Handshake:
    def __init__(self, key):
        self.psk = key
        self.chain = self.hash = hashlib.sha256(NAME).digest()
        self.mix_hash(PROLOGUE)
        self.secret = os.urandom(32)

    def mix_hash(self, data):
        self.hash = hashlib.sha256(self.hash + data).digest()

    def derive(self, material, count):
        secret, outputs = hmac.digest(self.chain, material, "sha256"), [b""]
        for i in range(count):
            outputs.append(hmac.digest(secret, outputs[-1] + bytes([i + 1]), "sha256"))
        return outputs[1:]

    def mix_key(self, material):
        self.chain, key = self.derive(material, 2)
        self.cipher = Cipher(key)

    def mix_psk(self):
        self.chain, extra, key = self.derive(self.psk, 3)
        self.mix_hash(extra)
        self.cipher = Cipher(key)

    def write_e(self):
        public = x25519(self.secret, BASE)
        self.mix_hash(public)
        self.mix_key(public)
        return public

    def read_e(self, message):
        if len(message) != 48:
            raise ValueError("a handshake message has 48 bytes")
        self.peer = message[:32]
        self.mix_hash(self.peer)
        self.mix_key(self.peer)

    def ee_psk(self):
        self.mix_key(x25519(self.secret, self.peer))
        self.mix_psk()

    def write_payload(self):
        sealed = self.cipher.seal(b"", self.hash)
        self.mix_hash(sealed)
        return sealed

    def read_payload(self, sealed):
        if self.cipher.open(sealed, self.hash) != b"":
            raise ValueError("a payload")
        self.mix_hash(sealed)

    # The messages themselves.

    def write_first(self):
        return self.write_e() + self.write_payload()

    def read_first(self, message):
        self.read_e(message)
        self.read_payload(message[32:])

    def write_second(self):
        public = self.write_e()
        self.ee_psk()
        return public + self.write_payload()

    def read_second(self, message):
        self.read_e(message)
        self.ee_psk()
        self.read_payload(message[32:])

    def split(self):
        """The ciphers of what the initiator sends, and of what the responder sends."""
        first, second = self.derive(b"", 2)
        return Cipher(first), Cipher(second)


def check():
    """The examples of the RFCs."""
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    shared = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert x25519(scalar, point).hex() == shared, "RFC 7748, 5.2"
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    key, nonce = bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647")
    sealed = xor(text, chacha20(key, nonce, 1, len(text)))
    assert sealed.hex().startswith("d31a8d34648e60db7b86afbc53ef7ec2"), "RFC 8439, 2.8.2"
    ad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    assert tag(key, nonce, ad, sealed).hex() == "1ae10b594f09e26a7e902ecbd0600691", "RFC 8439, 2.8.2"

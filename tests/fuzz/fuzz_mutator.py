"""Make good bytes bad, the same way for the same seed: the fuzzer of the test suite."""

import random
import struct

_NUMBERS = (0, 1, -1, 2**7, 2**15 - 1, -(2**15), 2**16 - 1, 2**31 - 1, -(2**31), 2**32 - 1)
_TEXTS = (b"", b"\0", b"nan", b"-1", b"1e400", b"\xff\xfe", b"'", b'"', b",", b"{", b"[", b"null")


def mutated(data, seed, other=b""):
    """Bytes with one to eight changes.

    Parameters
    ----------
    data : bytes
    seed : int
    other : bytes, optional
        A second good input, of which pieces may be taken.
    """
    draw = random.Random(seed)
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        draw.choice(_CHANGES)(changed, draw, other or data)
    return sealed(changed) if draw.random() < 0.8 else bytes(changed)


def sealed(data):
    """Give what seem to be records of miniSEED 3 the checksums of what is in them."""
    data = bytearray(data)
    at = data.find(b"MS\x03")
    while 0 <= at <= len(data) - 40:
        sid, extra, payload = struct.unpack_from("<BHI", data, at + 33)
        end = at + 40 + sid + extra + payload
        if end <= len(data):
            data[at + 28 : at + 32] = bytes(4)
            data[at + 28 : at + 32] = _crc32c(data[at:end]).to_bytes(4, "little")
        at = data.find(b"MS\x03", at + 3)
    return bytes(data)


def _table_of_crc32c():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _table_of_crc32c()


def _crc32c(data):
    """Checksum of RFC 3720, appendix B.4, which miniSEED 3 has."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC32C[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def _place(data, draw):
    """Somewhere; half the time in a header, where the meaning is."""
    if not data:
        return 0
    if draw.random() < 0.5:
        return min(draw.randrange(len(data)) // 512 * 512 + draw.randrange(64), len(data) - 1)
    return draw.randrange(len(data))


def _flip(data, draw, other):
    if data:
        data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _overwrite(data, draw, other):
    if data:
        data[_place(data, draw)] = draw.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, draw.randrange(256)))


def _number(data, draw, other):
    """A number at its limits, in two or four bytes of either order."""
    width, mask = draw.choice((("H", 0xFFFF), ("I", 0xFFFFFFFF)))
    number = struct.pack(draw.choice("<>") + width, draw.choice(_NUMBERS) & mask)
    at = _place(data, draw)
    data[at : at + len(number)] = number


def _text(data, draw, other):
    at = _place(data, draw)
    data[at : at + draw.randrange(6)] = draw.choice(_TEXTS)


def _digit(data, draw, other):
    """Another digit in the place of one."""
    places = [at for at, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if places:
        data[draw.choice(places)] = draw.choice(b"0123456789-.e")


def _cut(data, draw, other):
    del data[_place(data, draw) :]


def _drop(data, draw, other):
    at = _place(data, draw)
    del data[at : at + draw.randrange(1, 600)]


def _repeat(data, draw, other):
    at = _place(data, draw)
    data[at:at] = bytes(data[at : at + draw.randrange(1, 600)]) * draw.randrange(1, 5)


def _take(data, draw, other):
    at, there = _place(data, draw), _place(other, draw)
    piece = other[there : there + draw.randrange(1, 1100)]
    data[at : at + len(piece)] = piece


_CHANGES = (_flip, _flip, _overwrite, _number, _text, _digit, _cut, _drop, _repeat, _take)

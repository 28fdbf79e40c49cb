"""Whether an old workbook wants a password: the ``FilePass`` record of [MS-XLS].

Excel itself encrypts a workbook whose *structure* is protected, with a password that every copy of
Excel knows; such a file opens without being asked for one, and is not locked.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

#: [MS-OFFCRYPTO] 2.4: tried by Excel before it asks.
KNOWN_TO_ALL = "VelvetSweatshop"

#: Lengths of keys that Office's CryptoAPI providers make.
_KEY_BITS = frozenset({40, 56, 64, 128})
_BOF = frozenset({0x0809, 0x0409, 0x0209, 0x0009})
_FILE_PASS = 0x002F
#: Records that may stand before ``FilePass``; it is among the first.
_FIRST_RECORDS = 16


def locked_workbook(stream: bytes) -> bool:
    """Whether a workbook's stream says that a password is needed."""
    for kind, data in _records(stream):
        if kind == _FILE_PASS:
            return not _opens_with(KNOWN_TO_ALL, data)
    return False


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(_FIRST_RECORDS):
        if at + 4 > len(stream):
            return
        kind, length = struct.unpack_from("<2H", stream, at)
        if at == 0 and kind not in _BOF:
            return
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _opens_with(password: str, data: bytes) -> bool:
    """Whether the password fits the verifier in a ``FilePass`` record."""
    if len(data) < 6:
        return False
    kind, major, minor = struct.unpack_from("<3H", data)
    if kind == 0:
        # XOR obfuscation: the key, then the verifier.
        verifier: int = struct.unpack_from("<H", data, 4)[0]
        return verifier == xor_verifier(password)
    if (major, minor) == (1, 1) and len(data) >= 54:
        return _rc4_fits(password, data[6:54])
    if minor == 2 and len(data) >= 14:
        return _crypto_api_fits(password, data[6:])
    return False


def xor_verifier(password: str) -> int:
    """The verifier of XOR obfuscation ([MS-OFFCRYPTO] 2.3.7.1)."""
    verifier = 0
    for byte in reversed([len(password), *password.encode("latin-1")]):
        high = (verifier >> 14) & 1
        verifier = (high | ((verifier << 1) & 0x7FFF)) ^ byte
    return verifier ^ 0xCE4B


def _rc4_fits(password: str, data: bytes) -> bool:
    """Office binary RC4 ([MS-OFFCRYPTO] 2.3.6): salt, verifier, its hash."""
    salt, verifier, hashed = data[:16], data[16:32], data[32:48]
    first = _md5(password.encode("utf-16-le"))[:5]
    middle = _md5((first + salt) * 16)[:5]
    plain = _rc4(_md5(middle + bytes(4)), verifier + hashed)
    return _md5(plain[:16]) == plain[16:]


def _crypto_api_fits(password: str, data: bytes) -> bool:
    """RC4 through CryptoAPI ([MS-OFFCRYPTO] 2.3.5): a header, then salt, verifier, its hash."""
    header_size = struct.unpack_from("<I", data, 4)[0]
    header, rest = data[8 : 8 + header_size], data[8 + header_size :]
    if len(header) < 20 or len(rest) < 60:
        return False
    bits = struct.unpack_from("<I", header, 16)[0] or 40
    if bits not in _KEY_BITS:
        return False
    salt, verifier, hashed = rest[4:20], rest[20:36], rest[40:60]
    base = _sha1(salt + password.encode("utf-16-le"))
    key = _sha1(base + bytes(4))[: bits // 8]
    if bits == 40:
        key += bytes(11)
    plain = _rc4(key, verifier + hashed)
    return _sha1(plain[:16]) == plain[16:36]


def _rc4(key: bytes, data: bytes) -> bytes:
    return Cipher(ARC4(key), mode=None).decryptor().update(data)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()

"""Files that are locked, cut or damaged, made byte for byte from the published formats.

No free program writes RAR or old encrypted Office files; so these are the smallest that hold what a
reader has to look at. The writers here share no code with the readers under test.
"""

from __future__ import annotations

import hashlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from PIL import Image
from pypdfium2 import PdfDocument
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def pdf(user: str = "", owner: str = "") -> bytes:
    """A PDF of one page, encrypted when it has a password of either kind."""
    out = BytesIO()
    lock = StandardEncryption(user, ownerPassword=owner) if user or owner else None
    canvas = Canvas(out, encrypt=lock)
    canvas.drawString(100, 700, "lesson")
    canvas.save()
    return out.getvalue()


def opens(body: bytes) -> bool:
    """Whether a PDF opens without a password, by another door than the code under test uses."""
    with PdfDocument(body) as document:
        return len(document) == 1


def archive(*names: str) -> bytes:
    """A zip archive of small members."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, " ".join(f"{name} {n}" for n in range(200)))
    return out.getvalue()


def locked_zip(method: int | None = None) -> bytes:
    """One whose only member is flagged as encrypted, by AES when the method is 99."""
    body = bytearray(archive("a.txt"))
    central = body.index(b"PK\x01\x02")
    body[6] |= 1
    body[central + 8] |= 1
    if method is not None:
        struct.pack_into("<H", body, 8, method)
        struct.pack_into("<H", body, central + 10, method)
    return bytes(body)


def picture(kind: str) -> bytes:
    """A small white picture."""
    out = BytesIO()
    Image.new("RGB", (60, 60), "white").save(out, kind)
    return out.getvalue()


def film(*, index: bool = True, data: int = 200) -> bytes:
    """A row of boxes as an mp4 file has it."""
    boxes = [(b"ftyp", b"mp42\0\0\0\0mp42isom"), (b"mdat", bytes(data))]
    if index:
        boxes.insert(1, (b"moov", bytes(32)))
    return b"".join(struct.pack(">I4s", len(body) + 8, name) + body for name, body in boxes)


# OLE compound files


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A compound file of these streams, each in sectors of 512 bytes (none in the short stream)."""
    table: list[int] = []
    sectors: list[bytes] = []

    def add(data: bytes) -> int:
        start = len(sectors)
        pieces = [data[at : at + 512].ljust(512, b"\0") for at in range(0, max(len(data), 1), 512)]
        sectors.extend(pieces)
        table.extend(range(start + 1, start + len(pieces)))
        table.append(END)
        return start

    entries = [_entry("Root Entry", 5, END, 0, child=1 if streams else FREE)]
    for number, (name, data) in enumerate(streams.items(), 1):
        long = data.ljust(4096, b"\0")
        following = number + 1 if number < len(streams) else FREE
        entries.append(_entry(name, 2, add(long), len(long), following=following))
    while len(entries) % 4:
        entries.append(bytes(128))
    directory = add(b"".join(entries))
    fat_at = len(sectors)
    table.append(FAT)
    assert len(table) <= 128
    sectors.append(struct.pack("<128I", *table, *[FREE] * (128 - len(table))))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, directory, 0, 4096, END, 0, END, 0)
    header += struct.pack("<109I", fat_at, *[FREE] * 108)
    return header + b"".join(sectors)


def _entry(
    name: str, kind: int, start: int, size: int, *, following: int = FREE, child: int = FREE
) -> bytes:
    """The streams hang on the root one after another, each to the right of the one before."""
    raw = name.encode("utf-16-le") + b"\0\0"
    head = raw.ljust(64, b"\0") + struct.pack("<HBB3I", len(raw), kind, 1, FREE, following, child)
    return head.ljust(116, b"\0") + struct.pack("<3I", start, size, 0)


def doc(*, locked: bool = False) -> bytes:
    """A Word document by the flags of its FIB."""
    fib = struct.pack("<5HH", 0xA5EC, 0xC1, 0, 0x804, 0, 0x1200 | (0x0100 if locked else 0))
    return compound({"WordDocument": fib, "1Table": b"t"})


def ppt(*, locked: bool = False) -> bytes:
    """A presentation by the token of its current user."""
    token = 0xF3D1C4DF if locked else 0xE391C05F
    user = struct.pack("<HHI", 0, 0x0FF6, 0x14) + struct.pack("<3I", 0x14, token, 0)
    return compound({"PowerPoint Document": b"p", "Current User": user})


def xls(file_pass: bytes | None = None) -> bytes:
    """A workbook, with a ``FilePass`` record when given one."""
    bof = struct.pack("<HH", 0x0809, 16) + struct.pack("<4H2I", 0x0600, 5, 0x1CC9, 2002, 0, 0)
    lock = b"" if file_pass is None else struct.pack("<HH", 0x2F, len(file_pass)) + file_pass
    return compound({"Workbook": bof + lock + struct.pack("<HHH", 0x42, 2, 1200)})


def rc4_pass(password: str) -> bytes:
    """A ``FilePass`` of Office's own RC4 ([MS-OFFCRYPTO] 2.3.6)."""
    salt, verifier = bytes(range(16)), bytes(range(50, 66))
    first = hashlib.md5(password.encode("utf-16-le"), usedforsecurity=False).digest()
    middle = hashlib.md5((first[:5] + salt) * 16, usedforsecurity=False).digest()
    key = hashlib.md5(middle[:5] + struct.pack("<I", 0), usedforsecurity=False).digest()
    hashed = hashlib.md5(verifier, usedforsecurity=False).digest()
    sealed = Cipher(ARC4(key), mode=None).encryptor().update(verifier + hashed)
    return struct.pack("<3H", 1, 1, 1) + salt + sealed


def crypto_api_pass(password: str, bits: int = 128) -> bytes:
    """A ``FilePass`` of RC4 through CryptoAPI ([MS-OFFCRYPTO] 2.3.5)."""
    salt, verifier = bytes(range(16)), bytes(range(50, 66))
    base = hashlib.sha1(salt + password.encode("utf-16-le"), usedforsecurity=False).digest()
    key = hashlib.sha1(base + struct.pack("<I", 0), usedforsecurity=False).digest()[: bits // 8]
    hashed = hashlib.sha1(verifier, usedforsecurity=False).digest()
    sealed = Cipher(ARC4(key.ljust(16, b"\0")), mode=None).encryptor().update(verifier + hashed)
    header = struct.pack("<8I", 4, 0, 0x6801, 0x8004, bits, 1, 0, 0) + "RC4\0".encode("utf-16-le")
    check = struct.pack("<I", 16) + salt + sealed[:16] + struct.pack("<I", 20) + sealed[16:]
    return struct.pack("<3H", 1, 4, 2) + struct.pack("<2I", 4, len(header)) + header + check


# RAR


def _block4(kind: int, flags: int, body: bytes, data: bytes = b"") -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data


def rar4(
    lock: Literal["", "names", "files"] = "", name: bytes = b"lesson.txt", data: bytes = b"x" * 300
) -> bytes:
    """A RAR 4 archive of one stored member."""
    fields = struct.pack(
        "<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), 0, 29, 0x30, len(name), 32
    )
    main = _block4(0x73, 0x0080 if lock == "names" else 0, bytes(6))
    if lock == "names":
        return b"Rar!\x1a\x07\x00" + main + bytes(range(200))
    member = _block4(0x74, 0x8000 | (0x0004 if lock == "files" else 0), fields + name, data)
    return b"Rar!\x1a\x07\x00" + main + member + _block4(0x7B, 0x4000, b"")


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _block5(kind: int, fields: bytes, *, extra: bytes = b"", data: bytes = b"") -> bytes:
    flags = (1 if extra else 0) | (2 if data else 0)
    head = _number(kind) + _number(flags)
    head += (_number(len(extra)) if extra else b"") + (_number(len(data)) if data else b"")
    head += fields + extra
    sized = _number(len(head)) + head
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def rar5(
    lock: Literal["", "names", "files"] = "", name: bytes = b"lesson.txt", data: bytes = b"x" * 300
) -> bytes:
    """A RAR 5 archive of one stored member."""
    start = b"Rar!\x1a\x07\x01\x00"
    if lock == "names":
        return start + _block5(4, _number(0) + _number(1) + bytes([15]) + bytes(28)) + bytes(99)
    record = _number(1) + bytes(44)
    extra = _number(len(record)) + record if lock == "files" else b""
    fields = b"".join(map(_number, (0, len(data), 32, 0, 1, len(name)))) + name
    member = _block5(2, fields, extra=extra, data=data)
    return start + _block5(1, _number(0)) + member + _block5(5, _number(0))


# 7z


def seven_zip(lock: Literal["", "names", "files"] = "", *, packed: bool = False) -> bytes:
    """A 7z archive of one stored member, its directory packed or encrypted on demand."""
    data = b"x" * 100
    copy, aes = b"\x01\x00", b"\x24\x06\xf1\x07\x01\x0a" + bytes(10)
    coder = aes if lock == "files" else copy
    directory = b"\x01\x04" + _streams7(0, len(data), coder, len(data)) + b"\x00\x00"
    if lock == "names" or packed:
        if packed:
            made = {"id": lzma.FILTER_LZMA1, "dict_size": 65536, "lc": 3, "lp": 0, "pb": 2}
            inner = lzma.compress(directory, lzma.FORMAT_RAW, filters=[made])
            outer = b"\x23\x03\x01\x01\x05" + struct.pack("<BI", 93, 65536)
        else:
            inner, outer = bytes(64), aes
        streams = _streams7(len(data), len(inner), outer, len(directory))
        data, directory = data + inner, b"\x17" + streams
    tail = struct.pack("<QQI", len(data), len(directory), zlib.crc32(directory))
    head = b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(tail))
    return head + tail + data + directory


def _streams7(position: int, size: int, coder: bytes, unpacked: int) -> bytes:
    pack = b"\x06" + _number7(position) + b"\x01\x09" + _number7(size) + b"\x00"
    folder = b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + _number7(unpacked) + b"\x00"
    return pack + folder + b"\x00"


def _number7(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([0x80 | value >> 8, value & 0xFF])

"""7z archives by their headers: locked, cut short, or damaged.

Members are not unpacked; only the archive's own directory is, where it is packed (LZMA), within
bounds. The layout is that of ``7zFormat.txt`` in the LZMA SDK.
"""

from __future__ import annotations

import lzma
import struct
from dataclasses import dataclass
from zlib import crc32

from crawler.filetypes import Sniffed
from models.vocabulary import ResourceKind

SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"

#: The coder that encrypts: AES-256 with SHA-256.
AES = b"\x06\xf1\x07\x01"
_LZMA, _LZMA2, _COPY = b"\x03\x01\x01", b"\x21", b"\x00"
_PLAIN, _PACKED = 0x01, 0x17
_END, _MAIN_STREAMS, _PACK_INFO, _UNPACK_INFO = 0x00, 0x04, 0x06, 0x07
_SIZES, _DIGESTS, _FOLDERS, _UNPACKED_SIZES = 0x09, 0x0A, 0x0B, 0x0C
#: A directory larger than this is not unpacked, in bytes; that of 100,000 members is smaller.
_MOST_DIRECTORY = 16 * 1024 * 1024
_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class _Coder:
    method: bytes
    properties: bytes


class _LayoutError(ValueError):
    """The directory is not as the format describes, or of a kind that is not read here."""


class _Reader:
    """Reads the numbers and bytes of a directory one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise _LayoutError("目录不完整")
        self._at += count
        return found

    def byte(self) -> int:
        return self.bytes(1)[0]

    def number(self) -> int:
        first = self.byte()
        mask, value = 0x80, 0
        for index in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * index)
            value |= self.byte() << (8 * index)
            mask >>= 1
        return value

    def count(self) -> int:
        number = self.number()
        if number > _MOST_ITEMS:
            raise _LayoutError("数目过大")
        return number


def look_into_7z(body: bytes, *, whole: bool) -> Sniffed:
    """Say whether a 7z archive is locked, cut short or damaged."""
    kind = ResourceKind.ARCHIVE
    if len(body) < 32:
        return Sniffed(kind, cut="7z 文件头不完整" if whole else None)
    check = struct.unpack_from("<I", body, 8)[0]
    if crc32(body[12:32]) != check:
        return Sniffed(kind, broken="7z 文件头校验和不符")
    offset, size, directory_check = struct.unpack_from("<QQI", body, 12)
    directory = body[32 + offset : 32 + offset + size]
    if len(directory) < size:
        if whole:
            return Sniffed(kind, cut="7z 压缩包缺少末尾的目录")
        return Sniffed(kind, note="目录在文件末尾,是否加密未能判断")
    if crc32(directory) != directory_check:
        return Sniffed(kind, broken="7z 目录校验和不符")
    try:
        locked = _is_locked(body, directory)
    except (_LayoutError, lzma.LZMAError) as error:
        return Sniffed(kind, note=f"7z 目录未能读懂({error})")
    return Sniffed(kind, locked=locked is not None, note=locked)


def _is_locked(body: bytes, directory: bytes) -> str | None:
    """Which part is encrypted, in words; None when nothing is."""
    while directory[:1] == bytes([_PACKED]):
        reader = _Reader(directory[1:])
        position, sizes, coders, unpacked = _streams(reader)
        if any(coder.method == AES for coder in coders):
            return "压缩包加了密码,文件名也加密"
        if not sizes or unpacked > _MOST_DIRECTORY:
            raise _LayoutError("目录过大")
        packed = body[32 + position : 32 + position + sizes[0]]
        directory = _unpack(packed, coders, unpacked)
    if directory[:1] != bytes([_PLAIN]):
        # Nothing in it: an archive without members.
        return None
    reader = _Reader(directory[1:])
    if reader.byte() != _MAIN_STREAMS:
        return None
    _, _, coders, _ = _streams(reader)
    return "压缩包里的文件加了密码" if any(c.method == AES for c in coders) else None


def _streams(reader: _Reader) -> tuple[int, list[int], list[_Coder], int]:
    """Where the packed data lies, its sizes, all coders, and the size of the first folder's output."""
    position, unpacked = 0, 0
    sizes: list[int] = []
    coders: list[_Coder] = []
    while (kind := reader.byte()) in (_PACK_INFO, _UNPACK_INFO):
        if kind == _PACK_INFO:
            position, sizes = _pack_info(reader)
        else:
            coders, unpacked = _unpack_info(reader)
            break
    return position, sizes, coders, unpacked


def _pack_info(reader: _Reader) -> tuple[int, list[int]]:
    position, count = reader.number(), reader.count()
    sizes: list[int] = []
    while (kind := reader.byte()) != _END:
        if kind == _SIZES:
            sizes = [reader.number() for _ in range(count)]
        elif kind == _DIGESTS:
            _skip_digests(reader, count)
        else:
            raise _LayoutError(f"未知的属性 {kind}")
    return position, sizes


def _skip_digests(reader: _Reader, count: int) -> None:
    defined = count
    if not reader.byte():
        bits = reader.bytes((count + 7) // 8)
        defined = sum(byte.bit_count() for byte in bits)
    reader.bytes(4 * defined)


def _unpack_info(reader: _Reader) -> tuple[list[_Coder], int]:
    if reader.byte() != _FOLDERS:
        raise _LayoutError("缺少编码信息")
    folders, external = reader.count(), reader.byte()
    if external:
        raise _LayoutError("编码信息在别处")
    coders: list[_Coder] = []
    for _ in range(folders):
        coders += _folder(reader)
    if reader.byte() != _UNPACKED_SIZES:
        raise _LayoutError("缺少大小")
    return coders, reader.number() if coders else 0


def _folder(reader: _Reader) -> list[_Coder]:
    coders: list[_Coder] = []
    ins = outs = 0
    for _ in range(reader.count()):
        flags = reader.byte()
        method = reader.bytes(flags & 0x0F)
        is_complex = bool(flags & 0x10)
        ins += reader.count() if is_complex else 1
        outs += reader.count() if is_complex else 1
        properties = reader.bytes(reader.count()) if flags & 0x20 else b""
        coders.append(_Coder(method, properties))
    bound = max(0, outs - 1)
    for _ in range(2 * bound):
        reader.number()
    if ins - bound > 1:
        for _ in range(ins - bound):
            reader.number()
    return coders


def _unpack(packed: bytes, coders: list[_Coder], size: int) -> bytes:
    if len(coders) != 1:
        raise _LayoutError("目录用了多重编码")
    coder = coders[0]
    if coder.method == _COPY:
        return packed[:size]
    if coder.method == _LZMA and len(coder.properties) == 5:
        lc_lp_pb, dictionary = struct.unpack("<BI", coder.properties)
        rest, lc = divmod(lc_lp_pb, 9)
        pb, lp = divmod(rest, 5)
        made = {
            "id": lzma.FILTER_LZMA1,
            "dict_size": min(max(dictionary, 4096), _MOST_DIRECTORY),
            "lc": lc,
            "lp": lp,
            "pb": pb,
        }
    elif coder.method == _LZMA2:
        made = {"id": lzma.FILTER_LZMA2, "dict_size": _MOST_DIRECTORY}
    else:
        raise _LayoutError("目录的编码不认识")
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[made]).decompress(packed, size)

"""Opening zip containers (archives and office files) without trusting what they declare."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO

from audit.extract.decoding import path_name
from audit.extract.limits import Limits
from audit.extract.registry import Context, Refused
from models.vocabulary import NotScreened

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")

_FLAG_ENCRYPTED = 0x1
_FLAG_UTF8 = 0x800


def open_container(data: bytes, limits: Limits) -> zipfile.ZipFile:
    """Open a zip after looking at its directory; nothing is unpacked yet.

    Raises:
        Refused: It is a password-protected office file, or a bomb by its own declaration: too
            many entries, too many bytes, or too high a ratio. (Python reads no more than the
            declared size of an entry and checks its CRC, so a lie shows as a broken file.)
        zipfile.BadZipFile: It is no whole zip.
    """
    if data.startswith(OLE_MAGIC):
        reason = NotScreened.ENCRYPTED if _ENCRYPTED_STREAM in data else NotScreened.UNSUPPORTED
        raise Refused(reason, "an OLE file under a newer format's name")
    container = zipfile.ZipFile(BytesIO(data))
    _refuse_bomb(container.infolist(), len(data), limits)
    return container


def _refuse_bomb(entries: Sequence[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > limits.entries:
        raise Refused(NotScreened.TOO_LARGE, f"{len(entries)} entries")
    if unpacked > limits.unpacked_bytes:
        raise Refused(NotScreened.TOO_LARGE, f"{unpacked} bytes when unpacked")
    if unpacked > limits.ratio_floor and unpacked > limits.ratio * packed:
        raise Refused(NotScreened.TOO_LARGE, f"{unpacked} bytes out of {packed}")


def unpack(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, context: Context, limit: int
) -> bytes:
    """The bytes of one entry, paid for from the context's allowance.

    Raises:
        Refused: It is encrypted, compressed in a way we cannot read, or too large.
    """
    if entry.flag_bits & _FLAG_ENCRYPTED:
        raise Refused(NotScreened.ENCRYPTED, "the entry needs a password")
    if entry.file_size > limit:
        raise Refused(NotScreened.TOO_LARGE, f"{entry.file_size} bytes in one entry")
    context.allowance.spend(entry.file_size)
    try:
        return container.read(entry)
    except NotImplementedError as error:
        raise Refused(NotScreened.UNSUPPORTED, str(error)) from error


def entry_name(entry: zipfile.ZipInfo) -> str:
    """The entry's path; names without the UTF-8 flag are UTF-8 or GB18030 all the same."""
    if entry.flag_bits & _FLAG_UTF8:
        return entry.filename
    return path_name(entry.filename.encode("cp437", "replace"))


class Meter:
    """Counts what is unpacked of an archive that does not say beforehand how much it will be."""

    def __init__(self, context: Context, packed: int) -> None:
        limits = context.limits
        self._allowance = context.allowance
        self._entry_limit = limits.file_bytes
        self._left = max(limits.ratio_floor, limits.ratio * packed)
        #: No more of the archive may be unpacked.
        self.is_spent = False

    def gathered(self, blocks: Iterable[bytes]) -> bytes:
        """The bytes of one entry, paid for block by block.

        Raises:
            Refused: The entry, the archive, or all that is nested grows beyond its limit.
        """
        self._allowance.entries -= 1
        if self._allowance.entries < 0:
            self.is_spent = True
            raise Refused(NotScreened.TOO_LARGE, "more entries than may be unpacked")
        found = bytearray()
        for block in blocks:
            self._left -= len(block)
            self._allowance.unpacked_bytes -= len(block)
            if min(self._left, self._allowance.unpacked_bytes) < 0:
                self.is_spent = True
                raise Refused(NotScreened.TOO_LARGE, "more than may be unpacked")
            found += block
            if len(found) > self._entry_limit:
                raise Refused(NotScreened.TOO_LARGE, "more in one entry than the limit")
        return bytes(found)

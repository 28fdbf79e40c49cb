"""Opening zip containers (archives and office files) without trusting what they declare."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from io import BytesIO

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
    raw = entry.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename

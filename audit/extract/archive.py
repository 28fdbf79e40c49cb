"""Archives: every entry through the registry again, under one allowance for all that is nested."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from audit.extract import packed
from audit.extract.opaque import described
from audit.extract.records import Gap, Item, inside
from audit.extract.registry import Context, Refused, contained, extractor, items
from audit.extract.unpacking import Meter, entry_name, open_container, unpack
from crawler.sniff import EXTENSIONS, sniff
from models.vocabulary import NotScreened, ResourceKind

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What packers of other systems leave in an archive beside the author's files.
_DEBRIS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
#: Endings of a single compressed file, and of a tape archive that was compressed.
_COMPRESSED = (".gz", ".bz2", ".xz")

#: What is handed on to be looked at: whoever does finds out whether it is whole.
_LOOKED_AT = frozenset({ResourceKind.IMAGE, ResourceKind.AUDIO, ResourceKind.VIDEO})


@extractor(ResourceKind.ARCHIVE)
def read_archive(data: bytes, context: Context) -> Iterator[Item]:
    """The items of each entry, placed as ``文件内 PATH → …``; unknown packers' files are a gap."""
    if data.startswith(_ZIP):
        yield from _zipped(data, context)
    elif not packed.is_known(data):
        yield Gap(described(context), NotScreened.UNSUPPORTED)
    elif packed.version() is None:
        yield Gap(f"{described(context)},{packed.MISSING}", NotScreened.UNSUPPORTED)
    else:
        yield from _packed(data, context)


def _zipped(data: bytes, context: Context) -> Iterator[Item]:
    with open_container(data, context.limits) as container:
        for entry in container.infolist():
            if not entry.is_dir() and not _is_debris(entry.filename):
                place = f"文件内 {entry_name(entry)}"
                for item in contained("", _zip_entry(container, entry, context)):
                    yield inside(place, item)


def _zip_entry(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, context: Context
) -> Iterator[Item]:
    data = unpack(container, entry, context, context.limits.file_bytes)
    yield from _read(data, entry_name(entry), context)


def _packed(data: bytes, context: Context) -> Iterator[Item]:
    """Entries one after another; once more was unpacked than a whole archive may, the rest is a gap."""
    if sniff(data).locked:  # libarchive would give some members as they are, encrypted
        raise Refused(NotScreened.ENCRYPTED, "an archive under a password")
    meter = Meter(context, len(data))
    for member in packed.members(data):
        if not member.is_file or _is_debris(member.name):
            continue
        name = member.name or _inner_name(context.name)
        for item in contained("", _member(member, name, meter, context)):
            yield inside(f"文件内 {name}", item)
        if meter.is_spent:
            raise Refused(NotScreened.TOO_LARGE, "more than may be unpacked")


def _member(member: packed.Member, name: str, meter: Meter, context: Context) -> Iterator[Item]:
    if member.is_locked:
        raise Refused(NotScreened.ENCRYPTED, "the entry needs a password")
    yield from _read(meter.gathered(member.blocks()), name, context)


def _read(data: bytes, name: str, context: Context) -> Iterator[Item]:
    """One entry by its content; what shows that its end is missing is a gap beside what was read."""
    claimed = EXTENSIONS.get(PurePosixPath(name).suffix.lower().lstrip("."))
    found = sniff(data)
    yield from items(data, context.within(name, found.kind or claimed or ResourceKind.OTHER))
    if found.cut and found.kind not in _LOOKED_AT:
        yield Gap("文件不完整", NotScreened.UNREADABLE)


def _is_debris(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[:1] == ("__MACOSX",) or path.name.lower() in _DEBRIS


def _inner_name(name: str) -> str:
    """The name of the file in ``a.txt.gz``."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in _COMPRESSED else path.name

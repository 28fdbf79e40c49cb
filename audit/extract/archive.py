"""Zip archives: every entry through the registry again, under one allowance for all."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from audit.extract.opaque import described
from audit.extract.records import Gap, Item, inside
from audit.extract.registry import Context, contained, extractor, items
from audit.extract.unpacking import entry_name, open_container, unpack
from crawler.sniff import EXTENSIONS, sniff
from models.vocabulary import NotScreened, ResourceKind

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What packers of other systems leave in an archive beside the author's files.
_DEBRIS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


@extractor(ResourceKind.ARCHIVE)
def read_archive(data: bytes, context: Context) -> Iterator[Item]:
    """The items of each entry, placed as ``文件内 PATH → …``; other packers' files are a gap."""
    if not data.startswith(_ZIP):
        yield Gap(described(context), NotScreened.UNSUPPORTED)
        return
    with open_container(data, context.limits) as container:
        for entry in container.infolist():
            if not entry.is_dir() and not _is_debris(entry):
                place = f"文件内 {entry_name(entry)}"
                for item in contained("", _entry(container, entry, context)):
                    yield inside(place, item)


def _is_debris(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    return path.parts[:1] == ("__MACOSX",) or path.name.lower() in _DEBRIS


def _entry(container: zipfile.ZipFile, entry: zipfile.ZipInfo, context: Context) -> Iterator[Item]:
    data = unpack(container, entry, context, context.limits.file_bytes)
    name = entry_name(entry)
    claimed = EXTENSIONS.get(PurePosixPath(name).suffix.lower().lstrip("."))
    kind = sniff(data).kind or claimed or ResourceKind.OTHER
    yield from items(data, context.within(name, kind))

"""Files without a reader of their own: objects inside documents, and gaps that say what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from audit.extract.compound import MAGIC, opened
from audit.extract.embedded import embedded
from audit.extract.records import Gap, Item, inside
from audit.extract.registry import Context, extractor, items, reader
from crawler.sniff import sniff
from models.vocabulary import NotScreened, ResourceKind

#: Streams of an object that hold a file: wrapped by the packager, and as it is.
_NATIVE, _PACKAGE = "\x01Ole10Native", "Package"


@extractor(ResourceKind.IMAGE)
def read_image(data: bytes, context: Context) -> Iterator[Item]:
    """A picture; its text is not read here. Inside another file it is handed on as embedded."""
    if context.depth:
        yield from embedded("", data)
    else:
        yield Gap("", NotScreened.PICTURE_TEXT)


@extractor(ResourceKind.OTHER)
def read_unsupported(data: bytes, context: Context) -> Iterator[Item]:
    """What was not known when it was captured is looked at again; else the gap names it."""
    kind = sniff(data).kind
    if kind is not None and kind is not ResourceKind.OTHER:
        yield from reader(kind)(data, replace(context, kind=kind))
    elif data.startswith(MAGIC):
        yield from _object(data, context)
    else:
        yield Gap(described(context), NotScreened.UNSUPPORTED)


def _object(data: bytes, context: Context) -> Iterator[Item]:
    """An object of another program inside a document; it may hold a whole file."""
    with opened(data, context) as file:
        for stream, strip in ((_NATIVE, _native), (_PACKAGE, _as_it_is)):
            if stream in file:
                name, content = strip(file.read(stream))
                kind = sniff(content).kind or ResourceKind.OTHER
                for item in items(content, context.within(name, kind)):
                    yield inside(name, item)
                return
        what = "公式" if "Equation Native" in file else described(context)
        yield Gap(what, NotScreened.UNSUPPORTED)


def _native(data: bytes) -> tuple[str, bytes]:
    """A file in the packager's wrapping: sizes, its name, where it was, then its bytes."""
    name, _, rest = data[6:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    length = int.from_bytes(rest[4:8], "little")
    rest = rest[8 + length :]
    size = int.from_bytes(rest[:4], "little")
    return name.decode("gb18030", "replace") or "文件", rest[4 : 4 + size]


def _as_it_is(data: bytes) -> tuple[str, bytes]:
    return "文件", data


def described(context: Context) -> str:
    """The kind in words, with the ending of the name where the kind says little."""
    ending = PurePosixPath(context.name).suffix
    return f"{context.kind.label}格式({ending})" if ending else f"{context.kind.label}格式"

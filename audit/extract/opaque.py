"""Files whose words cannot be read yet: each is a gap that says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from audit.extract.embedded import embedded
from audit.extract.records import Gap, Item
from audit.extract.registry import Context, extractor
from models.vocabulary import NotScreened, ResourceKind


@extractor(ResourceKind.IMAGE)
def read_image(data: bytes, context: Context) -> Iterator[Item]:
    """A picture; its text is not read. Inside another file it is also named as embedded."""
    if context.depth:
        yield from embedded("", data)
    else:
        yield Gap("", NotScreened.PICTURE_TEXT)


@extractor(ResourceKind.AUDIO, ResourceKind.VIDEO)
def read_recording(data: bytes, context: Context) -> Iterator[Item]:
    """A recording; what is said or shown in it is not read."""
    if context.depth:
        yield from embedded("", data, context.kind)
    else:
        yield Gap("", NotScreened.AUDIO_VIDEO)


@extractor(ResourceKind.DOC, ResourceKind.PPT, ResourceKind.XLS, ResourceKind.OTHER)
def read_unsupported(_data: bytes, context: Context) -> Iterator[Item]:
    """A format that is not read yet; the gap names it."""
    yield Gap(described(context), NotScreened.UNSUPPORTED)


def described(context: Context) -> str:
    """The kind in words, with the ending of the name where the kind says little."""
    ending = PurePosixPath(context.name).suffix
    return f"{context.kind.label}格式({ending})" if ending else f"{context.kind.label}格式"

"""What stands inside other files: the one place where a picture in a document is handed on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from audit.extract.records import EmbeddedPicture, Gap
from models.vocabulary import NotScreened, ResourceKind


def embedded(
    name: str, data: bytes, kind: ResourceKind = ResourceKind.IMAGE
) -> Iterator[EmbeddedPicture | Gap]:
    """A picture or recording found in a file, at a place such as ``第3张幻灯片·图1``.

    What it shows is not read here, and the gap of the same name says so; whoever looks at the
    picture answers that gap. Sound alone has nothing to look at.
    """
    picture = kind is ResourceKind.IMAGE
    if kind is not ResourceKind.AUDIO:
        yield EmbeddedPicture(name, hashlib.sha256(data).hexdigest(), len(data), data, kind)
    yield Gap(name, NotScreened.PICTURE_TEXT if picture else NotScreened.AUDIO_VIDEO)

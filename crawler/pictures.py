"""The pictures that pages show: each once, with its bytes in the WARC file, also those in no file.

A picture written into the page (``data:``) has no address of its own: it is kept as a ``resource``
record under ``urn:image:`` and its SHA-256, and the manifest knows it by that name.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes, urldefrag

from crawler.archive import Archive
from crawler.readings import FoundImage, PageReading
from models.manifest import ImageCapture

#: How the name of a picture begins that is written into a page.
WRITTEN_IN = "urn:image:"
#: A ``data:`` address without a type holds text (RFC 2397).
DEFAULT_TYPE = "text/plain"


@lru_cache(maxsize=512)
def written_in(url: str) -> tuple[str, bytes] | None:
    """Type and bytes of a picture written into the page; None for any other address, or a broken one."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma:
        return None
    kind, *parameters = head.split(";")
    body = unquote_to_bytes(data)
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        try:
            body = binascii.a2b_base64(body)
        except binascii.Error:
            return None
    return kind.strip() or DEFAULT_TYPE, body


def picture_url(url: str) -> str:
    """What the manifest calls a picture: its address, or for one written into the page its digest."""
    if not url.startswith("data:"):
        return urldefrag(url).url
    written = written_in(url)
    content = written[1] if written else url.encode()
    return f"{WRITTEN_IN}{hashlib.sha256(content).hexdigest()}"


def record_pictures(archive: Archive, reading: PageReading, at: datetime) -> None:
    """Write the pictures that are written into a page, each once a visit."""
    for image in reading.images:
        written = written_in(image.url)
        if written is not None:
            kind, body = written
            archive.picture(picture_url(image.url), body, kind, at)


def image_captures(
    shown: Iterable[tuple[str, FoundImage]], sha256_of: Callable[[str], str | None]
) -> list[ImageCapture]:
    """The manifest's list: each picture once, as large as it is shown anywhere, on its first page."""
    captures: dict[str, ImageCapture] = {}
    for page_url, image in shown:
        url = picture_url(image.url)
        known = captures.get(url)
        if known is not None and known.width * known.height >= image.width * image.height:
            continue
        sha256 = sha256_of(url)
        captures[url] = ImageCapture(
            url=url,
            found_on=known.found_on if known else page_url,
            alt=(known.alt if known else "") or image.alt,
            width=image.width,
            height=image.height,
            sha256=sha256,
            captured=sha256 is not None,
        )
    return [captures[url] for url in sorted(captures)]

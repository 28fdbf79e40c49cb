"""QR and bar codes of a still, with what they say."""

from __future__ import annotations

import zxingcpp
from PIL import Image

from audit.pictures.records import Code, Region

#: A code's target is an address or a short text; the largest QR code holds 4,296 characters.
_LONGEST = 5_000


def read_codes(still: Image.Image, most: int) -> list[Code]:
    """The codes of a picture, each target once, in the order they were found."""
    found: dict[str, Code] = {}
    for barcode in zxingcpp.read_barcodes(still.convert("L")):
        text = barcode.text.strip()[:_LONGEST]
        if text and len(found) < most:
            found.setdefault(text, Code(text, str(barcode.format), _region(barcode.position)))
    return list(found.values())


def _region(position: zxingcpp.Position) -> Region:
    corners = (
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    )
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    return Region(min(xs), min(ys), max(1, max(xs) - min(xs)), max(1, max(ys) - min(ys)))

"""Screenshots whose personal data is painted over, before a single pixel of it leaves the service."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

#: Left, top, width, height in the pixels of the whole screenshot.
Rectangle = tuple[float, float, float, float]
_INK = (51, 64, 78)
_QUALITY = 82
#: Pixels that the paint stands off the characters: letters overhang the line's box a little.
_MARGIN = 4


def shaded(jpeg: bytes, rectangles: Sequence[Rectangle], top: float = 0) -> bytes:
    """A strip of a screenshot with rectangles painted over; ``top`` is where the strip begins.

    A strip that none of them touches comes back as it is.
    """
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        touched = [each for each in rectangles if _touches(each, top, image.height)]
        if not touched:
            return jpeg
        picture = image.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for x, y, width, height in touched:
        left, upper = x - _MARGIN, y - top - _MARGIN
        pen.rectangle((left, upper, x + width + _MARGIN, y - top + height + _MARGIN), fill=_INK)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _touches(rectangle: Rectangle, top: float, height: int) -> bool:
    _, y, _, tall = rectangle
    return y + tall + _MARGIN >= top and y - _MARGIN <= top + height

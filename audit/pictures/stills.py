"""Bytes to stills: pictures upright, on an opaque ground, within the limits."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from audit.extract.registry import Refused
from audit.pictures.limits import PictureLimits
from crawler.sniff import sniff
from models.vocabulary import NotScreened, ResourceKind

Still = tuple[str, Image.Image]

#: What pages and office files show. Others (EMF, WMF, SVG …) are drawings that need a program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO")
#: Pictures within a square of this side are icons, in pixels.
ICON_SIDE = 48
#: Pictures with a shorter side than this are rules and spacers: no letter is so low, in pixels.
RULE_SIDE = 10
#: Longer sides of a JPEG that is over the limit on pixels, when unpacked at a smaller scale.
_DRAFT_SIDE = 6_000
#: Frames of an animation that are passed over to find its length.
_LONGEST_ANIMATION = 500
_WHITE, _DARK = (255, 255, 255), (64, 64, 64)
#: Opaque parts lighter than this, of 255, would vanish on white.
_LIGHT = 200
#: A frame is another one when some cell of a grid differs by more, of 255.
_CELL_CHANGE = 24
_GRID = (48, 27)


def is_decoration(width: int, height: int) -> bool:
    """Whether nothing can be read in a picture of this size; one of unknown size may show anything."""
    if not width or not height:
        return False
    return max(width, height) < ICON_SIDE or min(width, height) < RULE_SIDE


def stills(data: bytes, limits: PictureLimits) -> Iterator[Still]:
    """The stills of a picture file, each RGB and upright; of an animation those that differ.

    Raises:
        Refused: It is too large, broken, decoration, or no picture we can open.
    """
    with _opened(data, limits) as image:
        frames = _frames(image, limits)
        seen: list[Image.Image] = []
        for frame in frames:
            still = _still(image, frame)
            if is_new(still, seen):
                yield (f"第{frame + 1}帧" if len(frames) > 1 else ""), still


def _opened(data: bytes, limits: PictureLimits) -> Image.Image:
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        known = sniff(data).kind is ResourceKind.IMAGE
        reason = NotScreened.UNREADABLE if known else NotScreened.UNSUPPORTED
        raise Refused(reason, str(error)) from error
    except Image.DecompressionBombError as error:
        raise Refused(NotScreened.TOO_LARGE, str(error)) from error
    if is_decoration(*image.size):
        raise Refused(NotScreened.DECORATION, f"{image.size}")
    if image.width * image.height > limits.pixels:
        image.draft("RGB", (_DRAFT_SIDE, _DRAFT_SIDE))
    if image.width * image.height > limits.pixels:
        raise Refused(NotScreened.TOO_LARGE, f"{image.width} x {image.height} pixels")
    return image


def _frames(image: Image.Image, limits: PictureLimits) -> list[int]:
    """The first frame, and others spread over the animation's length."""
    if not getattr(image, "is_animated", False):
        return [0]
    total = min(int(getattr(image, "n_frames", 1)), _LONGEST_ANIMATION)
    number = min(total, limits.animation_frames)
    return [index * (total - 1) // max(1, number - 1) for index in range(number)]


def _still(image: Image.Image, frame: int) -> Image.Image:
    if frame:
        image.seek(frame)
    return opaque(ImageOps.exif_transpose(image))


def opaque(image: Image.Image) -> Image.Image:
    """The picture in RGB: on white where it is transparent, on dark where white would hide it."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    shown = ImageStat.Stat(layered.convert("L"), alpha.point(lambda value: 255 * (value > 127)))
    light = shown.count[0] > 0 and shown.mean[0] > _LIGHT and min(alpha.tobytes()) < _LIGHT
    ground = Image.new("RGB", layered.size, _DARK if light else _WHITE)
    ground.paste(layered, mask=alpha)
    return ground


def is_new(still: Image.Image, seen: list[Image.Image]) -> bool:
    """Whether a still differs from all before it; it is then remembered in ``seen``."""
    small = still.convert("L").resize(_GRID, Image.Resampling.BOX)
    cells = small.tobytes()
    for other in seen:
        changes = (abs(a - b) for a, b in zip(cells, other.tobytes(), strict=True))
        if max(changes) <= _CELL_CHANGE:
            return False
    seen.append(small)
    return True

"""Draws the pictures: posters, certificates, blackboards, maps, notices, photographs of a sort."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

from sample.filespecs import Picture

#: Where systems keep their fonts, and where set-up puts one on a system without.
FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
    Path("/Library/Fonts"),
    Path(__file__).parents[1] / ".cache/fonts",
)
#: Noto Sans for Chinese under the names that systems give it.
FONT_NAME = re.compile(r"NotoSans(CJK|CJKsc|SC)[\w-]*\.(ttc|otf|ttf)", re.IGNORECASE)
#: Simplified Chinese in the collection of Noto Sans CJK.
SIMPLIFIED = 2

SIZE = (760, 480)


class FontError(RuntimeError):
    """No font for Chinese was found; pictures would show empty boxes."""


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a style."""

    ground: str
    frame: str
    title: str
    text: str


LOOKS: Mapping[str, Look] = {
    "poster": Look("#fff3e0", "#ef6c00", "#c62828", "#3e2723"),
    "certificate": Look("#fffdf2", "#b8860b", "#a31515", "#333333"),
    "blackboard": Look("#24493b", "#8d6e4a", "#fff8d6", "#f1f8e9"),
    "map": Look("#e3f2fd", "#1565c0", "#0d2c54", "#0d2c54"),
    "photo": Look("#cfe8d5", "#ffffff", "#1b4332", "#1b4332"),
    "notice": Look("#fafafa", "#607d8b", "#263238", "#37474f"),
}


@lru_cache
def font_file() -> Path:
    """The font for Chinese.

    Raises:
        FontError: none of the known places has one.
    """
    places = (folder for folder in FONT_FOLDERS if folder.is_dir())
    fonts = [
        file for place in places for file in place.rglob("*") if FONT_NAME.fullmatch(file.name)
    ]
    if fonts:
        return min(fonts, key=lambda file: ("Regular" not in file.name, str(file)))
    raise FontError(
        "no font for Chinese was found; install the package fonts-noto-cjk and build again"
    )


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font for Chinese at a size in pixels."""
    path = font_file()
    return ImageFont.truetype(path, size, index=SIMPLIFIED if path.suffix == ".ttc" else 0)


def draw_picture(picture: Picture) -> Image.Image:
    """The picture as an image."""
    look = LOOKS[picture.style]
    image = Image.new("RGB", SIZE, look.ground)
    draw = ImageDraw.Draw(image)
    SCENES.get(picture.style, _frame)(draw, look)
    top = 250 if picture.style == "photo" else 48
    width = SIZE[0] - (300 if picture.qr else 100)
    for number, line in enumerate(picture.lines):
        first = number == 0 and picture.style != "photo"
        top = _write(draw, line.text, (56, top), width, look, title=first)
    if picture.qr:
        _paste_code(image, picture.qr)
    return image


def make_picture(picture: Picture) -> bytes:
    """The picture as a file, PNG or JPEG by its name."""
    buffer = io.BytesIO()
    image = draw_picture(picture)
    if picture.name.endswith(".jpg"):
        image.save(buffer, "JPEG", quality=82)
    else:
        image.quantize(64, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def wrap(text: str, limit: int, face: ImageFont.FreeTypeFont) -> list[str]:
    """Break a text into lines no wider than ``limit`` pixels."""
    lines, line = [], ""
    for char in text:
        if line and face.getlength(line + char) > limit:
            lines.append(line)
            line = ""
        line += char
    return [*lines, line] if line else lines


def _write(  # noqa: PLR0913  (a pen's place and manner)
    draw: ImageDraw.ImageDraw,
    text: str,
    place: tuple[int, int],
    width: int,
    look: Look,
    *,
    title: bool,
) -> int:
    face = font(38 if title else 26)
    left, top = place
    for line in wrap(text, width, face):
        draw.text((left, top), line, font=face, fill=look.title if title else look.text)
        top += 54 if title else 40
    return top + (14 if title else 4)


def _paste_code(image: Image.Image, content: str) -> None:
    buffer = io.BytesIO()
    segno.make(content, error="m", micro=False).save(buffer, kind="png", scale=6, border=3)
    code = Image.open(buffer).convert("RGB")
    code.thumbnail((220, 220), Image.Resampling.NEAREST)
    image.paste(code, (SIZE[0] - code.width - 40, SIZE[1] - code.height - 50))


def _frame(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.rectangle((12, 12, SIZE[0] - 13, SIZE[1] - 13), outline=look.frame, width=6)


def _certificate(draw: ImageDraw.ImageDraw, look: Look) -> None:
    _frame(draw, look)
    draw.rectangle((26, 26, SIZE[0] - 27, SIZE[1] - 27), outline=look.frame, width=2)
    draw.ellipse((590, 330, 700, 440), outline="#c62828", width=5)


def _map(draw: ImageDraw.ImageDraw, look: Look) -> None:
    _frame(draw, look)
    # An invented island, so that no real border is drawn.
    island = [(420, 180), (520, 150), (640, 190), (690, 280), (620, 380), (500, 410), (400, 330)]
    draw.polygon(island, fill="#f5deb3", outline="#8d6e63")
    draw.line([(430, 200), (520, 290), (600, 370)], fill="#1e88e5", width=5)
    draw.ellipse((540, 230, 556, 246), fill="#d32f2f")


def _photo(draw: ImageDraw.ImageDraw, look: Look) -> None:
    draw.rectangle((0, 0, SIZE[0], 230), fill="#a7d3f5")
    draw.ellipse((610, 36, 690, 116), fill="#ffe082")
    draw.polygon([(0, 240), (160, 110), (330, 240)], fill="#7fb38a")
    draw.polygon([(240, 240), (470, 80), (700, 240)], fill="#5f9c72")
    for left in range(90, 700, 130):
        draw.ellipse((left, 180, left + 44, 224), fill="#ffccbc")
        draw.rectangle((left - 4, 222, left + 48, 246), fill="#ef5350")
    draw.rectangle((0, 240, SIZE[0], SIZE[1]), fill=look.ground)


SCENES: Mapping[str, Callable[[ImageDraw.ImageDraw, Look], None]] = {
    "certificate": _certificate,
    "map": _map,
    "photo": _photo,
}

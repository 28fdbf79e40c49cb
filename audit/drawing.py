"""Pages of files and pictures of spaces as JPEG, drawn in a confined process of its own.

What a hostile file makes of the drawing process is no picture, and never a fault of the service. The
drawing is always a new picture: no byte of the file reaches a browser.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.vocabulary import ResourceKind

_log = logging.getLogger(__name__)

#: Kinds that can be drawn.
DRAWABLE = frozenset({ResourceKind.PDF, ResourceKind.IMAGE})
#: Wall-clock seconds for one drawing: half of it is the start of the interpreter on a slow machine.
SECONDS = 20.0
#: Largest file that is drawn; larger ones are told and not drawn.
FILE_BYTES = 96 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """A box on the drawing, in its pixels, around one of the words asked for (by number)."""

    words: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A page or a picture as JPEG, and where the words asked for stand on it."""

    jpeg: bytes
    width: int
    height: int
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What to draw.

    Attributes:
        page: Number of the page, from 1; pictures have one.
        words: Words to find on the page.
        cover: Numbers of the words that are painted over. One that is not found spoils the drawing:
            nothing is shown that should be covered.
    """

    kind: ResourceKind
    page: int = 1
    words: tuple[str, ...] = ()
    cover: frozenset[int] = frozenset()


def draw(data: bytes, order: Order) -> Drawing | None:
    """Draw a page; None when it cannot be drawn, or cannot be covered."""
    if order.kind not in DRAWABLE or len(data) > FILE_BYTES:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-m", "audit.drawing_child", _told(order)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _log.warning("a drawing took more than %s seconds", SECONDS)
        return None
    if done.returncode:
        _log.info("a page could not be drawn: the process ended with %s", done.returncode)
        return None
    return _read(done.stdout)


def _told(order: Order) -> str:
    return json.dumps(
        {
            "kind": order.kind.value,
            "page": order.page,
            "words": order.words,
            "cover": sorted(order.cover),
        }
    )


def _environment() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }


def _read(answer: bytes) -> Drawing | None:
    head, _, jpeg = answer.partition(b"\n")
    try:
        told = json.loads(head)
        frames: Sequence[Sequence[float]] = told["frames"]
        boxes = tuple(Frame(int(n), x, y, width, height) for n, x, y, width, height in frames)
        return Drawing(jpeg, int(told["width"]), int(told["height"]), boxes)
    except (ValueError, KeyError, TypeError) as error:
        _log.warning("a drawing process gave no drawing: %s", error)
        return None

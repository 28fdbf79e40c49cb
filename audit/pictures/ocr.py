"""The words of a still, by PP-OCR's models out of the wheel; nothing is ever fetched.

Settings as measured on fourteen pictures (10 to 60 px, rotated by 8, 90 and 180 degrees, vertical, low
contrast, dense, large), every line right in each: the library's defaults 16.3 s of processor, the
detector on at most 960 px 7.0 s. Without the model that tells upside-down lines no time is saved and
turned pictures are lost. A picture without text costs 0.2 s: the detector finds nothing to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import rapidocr
from PIL import Image
from rapidocr.utils.output import RapidOCROutput

from audit.pictures.records import Line, Region

_MODELS = Path(rapidocr.__file__).parent / "models"
#: The longer side on which lines are looked for, in pixels. Larger finds less: of four lines of 12 to
#: 14 px alone on 1600 to 2000 px, 960 found all, 1280 half, 1600 one. Lines lower than 0.6 % of the
#: picture's longer side (16 px on 3000) are found by none.
_DETECTOR_SIDE = 960
#: Lines below this score are texture, or cannot be read by anybody.
_TEXT_SCORE = 0.5
#: A picture is cut into tiles this long, each overlapping the next by more than a line is high; its
#: shorter side is scaled to no more than a tile's.
_TILE, _OVERLAP = 1600, 160
#: How much longer than a tile a picture may be before it is scaled down instead of cut, in tiles.
_MOST_TILES = 12
_SETTINGS = {
    "Global.log_level": "critical",
    "Global.text_score": _TEXT_SCORE,
    "Global.max_side_len": 2 * _TILE,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": _DETECTOR_SIDE,
    "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
    "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
    "Cls.model_path": str(_MODELS / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
}


class LineReader:
    """The models, loaded once."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._engine = rapidocr.RapidOCR(params=_SETTINGS)
        # Models load at their first use; this is it, so that a picture's clock does not pay for it.
        blank = np.zeros((64, 64, 3), np.uint8)
        self._engine(blank, use_det=False)
        self._engine(blank, use_det=True)

    def read(self, still: Image.Image) -> list[Line]:
        """The lines of an RGB picture, from top to bottom, placed in its own pixels."""
        scaled, scale = _scaled(still)
        return [line for tile in _tiles(scaled) for line in self._tile(scaled, tile, scale)]

    def _tile(
        self, scaled: Image.Image, tile: tuple[int, int, int, int], scale: float
    ) -> Iterator[Line]:
        corner = np.array(tile[:2])
        answer = self._engine(np.asarray(scaled.crop(tile))[:, :, ::-1].copy())
        if (
            not isinstance(answer, RapidOCROutput)
            or answer.boxes is None
            or answer.txts is None
            or answer.scores is None
        ):
            return
        for corners, text, score in zip(answer.boxes, answer.txts, answer.scores, strict=True):
            low, high = corners.min(axis=0) + corner, corners.max(axis=0) + corner
            if _is_kept(tuple((low + high) / 2), tile, scaled.size):
                yield Line(str(text), round(float(score), 3), _region(low / scale, high / scale))


def _region(low: np.ndarray, high: np.ndarray) -> Region:
    x, y = (max(0, int(value)) for value in low)
    return Region(x, y, max(1, int(high[0]) - x), max(1, int(high[1]) - y))


def _scaled(still: Image.Image) -> tuple[Image.Image, float]:
    """The picture with its shorter side within a tile, and its longer one within the most tiles."""
    short, long = min(still.size), max(still.size)
    scale = min(1.0, _TILE / short, _MOST_TILES * (_TILE - _OVERLAP) / long)
    if scale == 1.0:
        return still, scale
    size = (max(1, round(still.width * scale)), max(1, round(still.height * scale)))
    return still.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0), scale


def _tiles(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each tile; all but very long pictures are one tile."""
    along = 0 if image.width > image.height else 1
    length = image.size[along]
    if length <= 1.5 * _TILE:
        yield (0, 0, *image.size)
        return
    for start in range(0, length - _OVERLAP, _TILE - _OVERLAP):
        end = min(length, start + _TILE)
        yield (start, 0, end, image.height) if along == 0 else (0, start, image.width, end)


def _is_kept(
    centre: tuple[float, ...], tile: tuple[int, int, int, int], size: tuple[int, int]
) -> bool:
    """Whether a line belongs to this tile: the middle of an overlap is the border."""
    for axis in (0, 1):
        low, high = tile[axis], tile[axis + 2]
        if low > 0 and centre[axis] < low + _OVERLAP / 2:
            return False
        if high < size[axis] and centre[axis] >= high - _OVERLAP / 2:
            return False
    return True

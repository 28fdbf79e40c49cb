"""Stills out of a film: spread over its length, each once, for what is burnt into the picture."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import av
from PIL import Image

from audit.extract.registry import Refused
from audit.pictures.limits import PictureLimits
from audit.pictures.stills import Still, is_new
from models.vocabulary import NotScreened

#: Seconds between two stills of a short film; of a longer one the number is capped instead.
_STEP = 1.5
#: Frames unpacked from the key frame before a moment on, to come to that moment. Key frames lie
#: 2 to 10 s apart; where this does not reach, the last frame unpacked stands for the moment.
_AHEAD = 60


def film_stills(data: bytes, limits: PictureLimits) -> Iterator[Still]:
    """Stills of a film that differ from each other, placed by their time (``00:12``).

    Raises:
        Refused: It is broken, has no pictures, or pictures of too many pixels.
    """
    try:
        with av.open(BytesIO(data), "r", metadata_errors="replace") as container:
            yield from _stills(container, limits)
    except (av.FFmpegError, UnicodeError) as error:
        raise Refused(NotScreened.UNREADABLE, str(error)) from error


def _stills(container: av.container.InputContainer, limits: PictureLimits) -> Iterator[Still]:
    if not container.streams.video:
        raise Refused(NotScreened.AUDIO_VIDEO, "a recording without pictures")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    if stream.width * stream.height > limits.pixels:
        raise Refused(NotScreened.TOO_LARGE, f"{stream.width} x {stream.height} pixels")
    seen: list[Image.Image] = []
    for moment in _moments(container, limits):
        still = _at(container, stream, moment)
        if still is not None and is_new(still, seen):
            yield f"{int(moment) // 60:02}:{int(moment) % 60:02}", still


def _moments(container: av.container.InputContainer, limits: PictureLimits) -> list[float]:
    """Times in seconds: the middle of equal parts of the film."""
    length = (container.duration or 0) / av.time_base
    number = max(1, min(limits.film_frames, int(length / _STEP)))
    return [length * (index + 0.5) / number for index in range(number)]


def _at(
    container: av.container.InputContainer, stream: av.VideoStream, moment: float
) -> Image.Image | None:
    container.seek(int(moment * av.time_base))
    image = None
    for number, frame in enumerate(container.decode(stream)):
        reached = frame.time is None or frame.time >= moment
        if reached or number >= _AHEAD:
            return _image(frame)
        image = frame
    return _image(image) if image is not None else None


def _image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))

"""Makes the sounds and films, with codecs that need no further licence: MP3 and MPEG-4 part 2."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from fractions import Fraction

import av
from PIL import Image, ImageDraw

from sample.pictures import font, wrap

RATE = 22_050
#: Samples in one frame of MP3 at this rate (MPEG-2 layer III).
FRAME = 576
NOTE_SECONDS = 0.4
FRAMES_A_SECOND = 4
SECONDS_A_CARD = 1.5
FILM_SIZE = (480, 270)
#: Leave versions and dates out, so that two builds give the same bytes.
EXACT = {"fflags": "+bitexact"}


def make_tune(title: str, notes: Sequence[int]) -> bytes:
    """A tune as an MP3; ``notes`` are MIDI numbers (60 is middle C)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options=EXACT) as container:
        container.metadata["title"] = title
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.layout, stream.format, stream.bit_rate = "mono", "s16p", 48_000
        samples = _tune(notes)
        for start in range(0, len(samples), FRAME):
            chunk = samples[start : start + FRAME]
            frame = av.AudioFrame(format="s16p", layout="mono", samples=len(chunk))
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packed = struct.pack(f"<{len(chunk)}h", *chunk)
            frame.planes[0].update(packed.ljust(frame.planes[0].buffer_size, b"\0"))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _tune(notes: Sequence[int]) -> list[int]:
    length = int(RATE * NOTE_SECONDS)
    samples = []
    for note in notes:
        pitch = 440.0 * 2 ** ((note - 69) / 12)
        for index in range(length):
            fade = min(1.0, index / 400, (length - index) / 1600)
            samples.append(int(9000 * fade * math.sin(2 * math.pi * pitch * index / RATE)))
    return samples


def make_film(cards: Sequence[str]) -> bytes:
    """A film of title cards as an MP4."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options=EXACT) as container:
        stream = container.add_stream("mpeg4", rate=FRAMES_A_SECOND, options={"flags": "bitexact"})
        stream.width, stream.height = FILM_SIZE
        stream.pix_fmt, stream.bit_rate = "yuv420p", 200_000
        number = 0
        for index, card in enumerate(cards):
            image = _card(card, index)
            for _ in range(int(FRAMES_A_SECOND * SECONDS_A_CARD)):
                frame = av.VideoFrame.from_bytes(image.tobytes(), *FILM_SIZE, format="rgba")
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_A_SECOND)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _card(text: str, index: int) -> Image.Image:
    grounds = ("#1b3a57", "#2e4a2f", "#5a2e2e", "#3b2f5a")
    image = Image.new("RGBA", FILM_SIZE, grounds[index % len(grounds)])
    draw = ImageDraw.Draw(image)
    face = font(30)
    top = 80
    for line in wrap(text, FILM_SIZE[0] - 80, face):
        draw.text((40, top), line, font=face, fill="white")
        top += 44
    return image

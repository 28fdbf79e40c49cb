"""Old presentations (ppt, dps): slides in showing order, notes, comments, links, pictures.

The stream is a heap of records ([MS-PPT]). Only what the newest edit refers to is read: what the
author has deleted may still lie in the file, and nobody sees it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from audit.extract.compound import Compound, opened
from audit.extract.decoding import written
from audit.extract.embedded import embedded
from audit.extract.officeart import (
    BLIP_ENTRY,
    PROPERTIES,
    SHAPE,
    Record,
    blip,
    delayed,
    properties,
    record_at,
    walk,
)
from audit.extract.records import Gap, Item
from audit.extract.registry import Context, Refused, contained, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

_EDIT, _DIRECTORY = 0x0FF5, 0x1772
_DOCUMENT, _LIST, _PERSIST = 0x03E8, 0x0FF0, 0x03F3
_NOTES_ATOM = 0x03F1
_CHARS, _BYTES, _STRING = 0x0FA0, 0x0FA8, 0x0FBA
_PLACEHOLDER = 0x0BC3
_LINK, _HEADERS, _COMMENT = 0x0FD7, 0x0FD9, 0x2EE0
_OBJECTS = frozenset({0x0FCC, 0x0FEE})
_RECORDINGS = frozenset({0x1006, 0x1005, 0x1007, 0x100D, 0x100E, 0x100F})
#: Instances of the lists of slides: slides, masters, notes.
_SLIDES, _MASTERS, _NOTES = 0, 1, 2
_ENCRYPTED = 0xF3D1C4DF
#: Stands for the number of a slide, which the program puts there.
_NUMBER_SIGN = "*"
#: What separates lines in a text: paragraphs, and lines of one paragraph.
_BREAKS = str.maketrans({"\r": "\n", "\x0b": "\n"})


@extractor(ResourceKind.PPT)
def read_ppt(data: bytes, context: Context) -> Iterator[Item]:
    """Everything on the slides and behind them."""
    with opened(data, context) as file:
        deck = _Deck(file, context)
        for list_, place in ((_SLIDES, "第{}张幻灯片"), (_MASTERS, "母版")):
            for number, entry in enumerate(deck.entries(list_), 1):
                where = place.format(number)
                yield from contained(where, deck.slide(entry, where, list_ == _MASTERS))
        for entry in deck.entries(_NOTES):
            yield from contained("备注", deck.notes(entry))
        yield from contained("文档", deck.rest())
        yield from contained("文档属性", file.described())


@dataclass(slots=True)
class _Entry:
    """One slide of a list: its record's number, its own number, and its outline's texts."""

    reference: int
    slide_id: int
    outline: list[str] = field(default_factory=list)


class _Deck:
    def __init__(self, file: Compound, context: Context) -> None:
        user = file.read_if_there("Current User")
        if len(user) >= 20 and struct.unpack_from("<I", user, 12)[0] == _ENCRYPTED:
            raise Refused(NotScreened.ENCRYPTED, "an encrypted presentation")
        self._data = file.read("PowerPoint Document")
        self._pictures = file.read_if_there("Pictures")
        self._limit = context.limits.file_bytes
        self._places, document = _newest(self._data, user)
        self._document = self._record(document)
        if self._document.type != _DOCUMENT:
            raise Refused(NotScreened.UNREADABLE, "the document's record is not where it should be")
        entries = (r for r in walk(self._document, _LIST) if r.type == BLIP_ENTRY)
        self._blips = [delayed(entry) for entry in entries]
        self._shown: set[int] = set()
        slides = enumerate(self.entries(_SLIDES), 1)
        self._numbers = {entry.slide_id: number for number, entry in slides}

    def _record(self, reference: int) -> Record:
        return record_at(self._data, self._places.get(reference, -1))

    def entries(self, instance: int) -> list[_Entry]:
        """The slides of one list, in order, each with the texts of its outline."""
        found: list[_Entry] = []
        for child in self._document.children():
            if child.type != _LIST or child.instance != instance:
                continue
            for record in child.children():
                if record.type == _PERSIST and len(record.body) >= 16:
                    reference, _, _, slide_id = struct.unpack_from("<4I", record.body)
                    found.append(_Entry(reference, slide_id))
                elif found and (text := _text(record)):
                    found[-1].outline.append(text)
        return found

    def slide(self, entry: _Entry, place: str, is_master: bool) -> Iterator[Item]:
        """What a slide shows, and the pictures and comments on it."""
        record = self._record(entry.reference)
        if not is_master:
            for text in entry.outline:
                yield from written(text, place)
        yield from self._shown_on(record, place, is_master=is_master)

    def notes(self, entry: _Entry) -> Iterator[Item]:
        """What the notes of a slide say."""
        record = self._record(entry.reference)
        atoms = (child.body for child in record.children() if child.type == _NOTES_ATOM)
        slide_id = int.from_bytes(next(atoms, b"")[:4], "little")
        number = self._numbers.get(slide_id)
        place = f"第{number}张幻灯片·备注" if number else "备注"
        for text in entry.outline:
            yield from written(text, place)
        yield from self._shown_on(record, place)

    def _shown_on(self, record: Record, place: str, *, is_master: bool = False) -> Iterator[Item]:
        numbers = count(1)
        for child in walk(record, SHAPE, _COMMENT, _HEADERS):
            if child.type == SHAPE and not (is_master and _is_prompt(child)):
                yield from self._shape(child, place, numbers)
            elif child.type == _COMMENT:
                yield from _strings(child, f"{place}·批注", (1,))
            elif child.type == _HEADERS:
                yield from _strings(child, f"{place}·页眉页脚", (0, 1, 2))

    def _shape(self, shape: Record, place: str, numbers: Iterator[int]) -> Iterator[Item]:
        for child in walk(shape):
            if child.type == PROPERTIES:
                said = properties(child)
                yield from written(said.word_art, f"{place}·艺术字")
                if said.picture:
                    where = f"{place}·图{next(numbers)}"
                    yield from contained(where, self._picture(said.picture, where))
            elif (text := _text(child)) and text != _NUMBER_SIGN:
                yield from written(text, place)

    def _picture(self, number: int, place: str) -> Iterator[Item]:
        offset = self._blips[number - 1] if number <= len(self._blips) else -1
        if offset in self._shown or not self._pictures:
            return
        record = record_at(self._pictures, offset)
        self._shown.add(offset)
        yield from embedded(place, blip(record, self._limit))

    def rest(self) -> Iterator[Item]:
        """What belongs to no slide: where links lead, objects and recordings that are not read."""
        objects = recordings = 0
        for record in walk(self._document, _LIST, _LINK, _HEADERS):
            if record.type == _LINK:
                yield from _strings(record, "链接", (1,), Part.LINK)
            elif record.type == _HEADERS:
                yield from _strings(record, "页眉页脚", (0, 1, 2))
            objects += record.type in _OBJECTS
            recordings += record.type in _RECORDINGS
        if objects:
            yield Gap(f"嵌入对象({objects} 个)", NotScreened.UNSUPPORTED)
        if recordings:
            yield Gap(f"嵌入的音视频({recordings} 个)", NotScreened.AUDIO_VIDEO)


def _newest(data: bytes, user: bytes) -> tuple[Mapping[int, int], int]:
    """Where each persistent record stands by the newest edit, and the number of the document."""
    if len(user) < 20:
        raise Refused(NotScreened.UNREADABLE, "no word on the newest edit")
    places: dict[int, int] = {}
    document = 0
    at, seen = struct.unpack_from("<I", user, 16)[0], set[int]()
    while at and at not in seen:
        seen.add(at)
        edit = record_at(data, at)
        if edit.type != _EDIT or len(edit.body) < 20:
            raise Refused(NotScreened.UNREADABLE, "an edit is not where it should be")
        at, directory, number = struct.unpack_from("<3I", edit.body, 8)
        document = document or number
        for reference, place in _directory(record_at(data, directory)):
            places.setdefault(reference, place)
    return places, document


def _directory(record: Record) -> Iterator[tuple[int, int]]:
    """Runs of numbers: twenty bits the first, twelve how many, then an offset each."""
    if record.type != _DIRECTORY:
        raise Refused(NotScreened.UNREADABLE, "no directory of records")
    words = struct.unpack(f"<{len(record.body) // 4}I", record.body[: len(record.body) // 4 * 4])
    at = 0
    while at < len(words):
        first, length = words[at] & 0xFFFFF, words[at] >> 20
        for index, place in enumerate(words[at + 1 : at + 1 + length]):
            yield first + index, place
        at += 1 + length


def _text(record: Record) -> str:
    if record.type == _CHARS:
        return record.body.decode("utf-16-le", "replace").translate(_BREAKS)
    if record.type == _BYTES:  # the low bytes of characters below U+0100
        return record.body.decode("latin-1").translate(_BREAKS)
    return ""


def _is_prompt(shape: Record) -> bool:
    """Whether a master's shape only says where something goes; it never shows itself."""
    return any(record.type == _PLACEHOLDER for record in walk(shape))


def _strings(
    record: Record, place: str, instances: tuple[int, ...], part: Part = Part.ATTACHMENT
) -> Iterator[Item]:
    for child in walk(record):
        if child.type == _STRING and child.instance in instances:
            text = child.body.decode("utf-16-le", "replace")
            yield from written(text.translate(_BREAKS), place, part)

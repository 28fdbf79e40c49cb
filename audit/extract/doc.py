"""Old Word documents (doc, wps): body, tables, headers, notes, comments, text boxes, pictures.

The text of all parts stands in one run of characters that the piece table puts together
([MS-DOC] 2.4.1); the header of the file says how many belong to each part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, pairwise

from audit.extract.compound import Compound, opened
from audit.extract.decoding import written
from audit.extract.embedded import embedded
from audit.extract.fib import Fib
from audit.extract.officeart import PROPERTIES, blip, blips, properties, records, walk
from audit.extract.paragraphs import Blocks
from audit.extract.pieces import Pieces
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, contained, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

#: In the run of headers: the first six stories separate notes; then six a section, these headers.
_SEPARATORS, _HEADERS = 6, (0, 1, 4)
_FIELD_LINK = re.compile(r'HYPERLINK\s+(?:\\l\s+)?"([^"]+)"')


@extractor(ResourceKind.DOC)
def read_doc(data: bytes, context: Context) -> Iterator[Item]:
    """Everything a reader of the document can see, and what it links to."""
    with opened(data, context) as file:
        main = file.read("WordDocument")
        fib = Fib(main)
        table = file.read(fib.table_name)
        pieces = Pieces(main, table, fib)
        for place, start, end in fib.parts():
            if place == "页眉":
                yield from contained(
                    "页眉页脚", _headers(pieces, fib.story_ends(table), start, end)
                )
            elif start < end:
                where = place or "正文"
                yield from contained(
                    where, _part(pieces, Blocks(main, table, fib), place, start, end)
                )
        yield from contained("艺术字", _word_art(fib.drawings(table)))
        yield from _pictures(file, main, context)
        yield from _objects(file)
        yield from contained("文档属性", file.described())


def _part(pieces: Pieces, blocks: Blocks, place: str, start: int, end: int) -> Iterator[Item]:
    for where, text in blocks.of(pieces, start, end):
        yield from _written(text, place or where)


def _headers(pieces: Pieces, ends: list[int], start: int, end: int) -> Iterator[Item]:
    bounds = [start, *(start + at for at in ends if at <= end - start)]
    for number, (first, last) in enumerate(pairwise(bounds)):
        if number >= _SEPARATORS and first < last:
            is_header = (number - _SEPARATORS) % 6 in _HEADERS
            text = pieces.text(first, last)
            yield from _written(text, "页眉" if is_header else "页脚")


def _written(text: str, place: str) -> Iterator[Item]:
    """A run without its marks, and where the fields in it lead."""
    shown, instructions = _fields(text)
    yield from written(_plain(shown).strip("\n"), place)
    for address in _FIELD_LINK.findall(instructions):
        yield Segment(address, Part.LINK, f"{place}·链接")


#: Marks in a run: ends of paragraphs, lines, pages, columns and cells; hyphens; a blank.
_MARKS = {
    "\r": "\n", "\x0b": "\n", "\x0c": "\n", "\x0e": "\n", "\x07": "\t", "\x1e": "-", "\x1f": "",
    "\xa0": " ",
}  # fmt: skip
#: What stands for a picture, a note's number, a drawing, a comment.
_ANCHORS = dict.fromkeys("\x01\x02\x03\x04\x05\x06\x08\x13\x14\x15", "")
_PLAIN = str.maketrans(_MARKS | _ANCHORS)


def _plain(text: str) -> str:
    return text.translate(_PLAIN)


def _fields(text: str) -> tuple[str, str]:
    """What fields show, and what they are told to do: between their marks 19, 20 and 21."""
    shown: list[str] = []
    told: list[str] = []
    inside: list[bool] = []
    for piece in re.split("([\x13\x14\x15])", text):
        match piece:
            case "\x13":
                inside.append(True)
                told.append("\n")
            case "\x14" if inside:
                inside[-1] = False
            case "\x15" if inside:
                inside.pop()
            case _:
                (told if any(inside) else shown).append(piece)
    return "".join(shown), "".join(told)


def _word_art(drawings: bytes) -> Iterator[Item]:
    """Letters set as drawings. Each drawing but the first record follows a byte of its own."""
    at = 0
    while at < len(drawings):
        record = next(records(drawings, at), None)
        if record is None:
            return
        for child in walk(record):
            if child.type == PROPERTIES:
                yield from written(properties(child).word_art, "艺术字")
        at += 8 + len(record.body) + 1


def _pictures(file: Compound, main: bytes, context: Context) -> Iterator[Item]:
    numbers = count(1)
    seen: set[bytes] = set()
    for stream in (file.read_if_there("Data"), main):
        for record in blips(stream):
            place = f"图{next(numbers)}"
            digest = record.body[:16]
            if digest not in seen:
                seen.add(digest)
                data = blip(record, context.limits.file_bytes)
                yield from contained(place, embedded(place, data))


def _objects(file: Compound) -> Iterator[Item]:
    objects = file.storages("ObjectPool")
    if objects:
        yield Gap(f"嵌入对象({len(objects)} 个)", NotScreened.UNSUPPORTED)

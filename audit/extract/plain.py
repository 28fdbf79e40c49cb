"""Plain text, Markdown and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import PurePosixPath

from audit.extract.decoding import decode
from audit.extract.records import Item, Segment
from audit.extract.registry import Context, Refused, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

#: A run of lines is cut here, at a line's end: long enough that a phrase broken over lines stays
#: in one segment, short enough to be found by eye.
_RUN_CHARACTERS = 1_000
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@extractor(ResourceKind.TXT)
def read_text(data: bytes, context: Context) -> Iterator[Item]:
    """Rows of a table by its name's ending, else runs of lines between blank ones."""
    if len(data) > context.limits.text_bytes:
        raise Refused(NotScreened.TOO_LARGE, "more text than the limit")
    text = decode(data)
    delimiter = _DELIMITERS.get(PurePosixPath(context.name).suffix.lower())
    if delimiter:
        yield from _rows(text, delimiter)
    else:
        yield from _runs(text.splitlines())


def _rows(text: str, delimiter: str) -> Iterator[Segment]:
    for number, row in enumerate(csv.reader(StringIO(text), delimiter=delimiter), 1):
        yield Segment("\t".join(row), Part.ATTACHMENT, f"第{number}行")


def _runs(lines: Iterable[str]) -> Iterator[Segment]:
    run: list[str] = []
    number = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            run.append(line)
        if run and (not line.strip() or sum(map(len, run)) > _RUN_CHARACTERS):
            last = number if line.strip() else number - 1
            yield _segment(run, last)
            run = []
    if run:
        yield _segment(run, number)


def _segment(run: list[str], last: int) -> Segment:
    first = last - len(run) + 1
    where = f"第{last}行" if first == last else f"第{first}至{last}行"
    return Segment("\n".join(run), Part.ATTACHMENT, where)

"""Plain text, Markdown and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import PurePosixPath

from audit.extract import markdown
from audit.extract.decoding import decode
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, Refused, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

#: A run of lines is cut here, at a line's end: long enough that a phrase broken over lines stays
#: in one segment, short enough to be found by eye.
_RUN_CHARACTERS = 1_000
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_MARKDOWN = frozenset({".md", ".markdown"})
#: Delimiters that stand in the place of commas in files named csv.
_SEEN_DELIMITERS = ",;\t|"


@extractor(ResourceKind.TXT)
def read_text(data: bytes, context: Context) -> Iterator[Item]:
    """Cells of a table by its name's ending, else runs of lines between blank ones."""
    text = text_of(data, context)
    ending = PurePosixPath(context.name).suffix.lower()
    if ending in _DELIMITERS:
        yield from _table(text, _DELIMITERS[ending], context)
    elif ending in _MARKDOWN:
        yield from _markdown(text)
    else:
        yield from _runs(text.splitlines())


def text_of(data: bytes, context: Context) -> str:
    """The text of a file; raises Refused for too much of it, and for what is no text."""
    if len(data) > context.limits.text_bytes:
        raise Refused(NotScreened.TOO_LARGE, "more text than the limit")
    return decode(data)


def _table(text: str, delimiter: str, context: Context) -> Iterator[Item]:
    """Each cell that holds something; past the cap on cells the rest is a gap."""
    csv.field_size_limit(context.limits.characters)
    left = context.limits.cells
    row = 0
    try:
        for row, cells in enumerate(
            csv.reader(StringIO(text), delimiter=_used(text, delimiter)), 1
        ):
            for column, cell in enumerate(cells, 1):
                if not cell.strip():
                    continue
                if not left:
                    yield Gap(f"第{row}行第{column}列及以后", NotScreened.BUDGET)
                    return
                left -= 1
                yield Segment(cell, Part.ATTACHMENT, f"第{row}行第{column}列")
    except csv.Error:  # a cell longer than all text that one file may give
        yield Gap(f"第{row + 1}行及以后", NotScreened.TOO_LARGE)


def _used(text: str, delimiter: str) -> str:
    """The delimiter of the first line, where another than the named one stands more often."""
    first = text.partition("\n")[0][:10_000]
    counts = {each: first.count(each) for each in (delimiter, *_SEEN_DELIMITERS)}
    used: str = max(counts, key=lambda each: counts[each])
    return used


def _markdown(text: str) -> Iterator[Segment]:
    for run in _runs(text.splitlines()):
        yield Segment(markdown.shown(run.text), run.part, run.locator)
        for address in markdown.addresses(run.text):
            yield Segment(address, Part.LINK, f"{run.locator}·链接")


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
    where = f"第{first}行" if first == last else f"第{first}至{last}行"
    return Segment("\n".join(run), Part.ATTACHMENT, where)

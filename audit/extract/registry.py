"""The one registry of extractors; the built-in ones come in through the same door as any other.

An extractor is a generator function ``(data, context) -> items`` under ``@extractor(kinds)`` in a
module named in ``BUILT_INS`` or handed to ``load``. It yields segments, pictures and gaps with
places relative to its file, and may fail in any way: what it yielded before stays, the rest
becomes a gap. It raises ``Refused`` where it knows the reason.

    Refused     counts as "not screened" with the reason it carries
    MemoryError counts as TOO_LARGE
    any other   counts as UNREADABLE, and the log says why
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from typing import Self

from audit.extract.limits import Limits
from audit.extract.records import Gap, Item
from models.vocabulary import NotScreened, ResourceKind

#: Modules that register an extractor when imported. Loaded at the first use, not with the
#: package, so that the process that only starts workers stays light.
BUILT_INS = (
    "audit.extract.archive",
    "audit.extract.doc",
    "audit.extract.docx",
    "audit.extract.epub",
    "audit.extract.opaque",
    "audit.extract.pdf",
    "audit.extract.plain",
    "audit.extract.ppt",
    "audit.extract.pptx",
    "audit.extract.recording",
    "audit.extract.rtf",
    "audit.extract.subtitles",
    "audit.extract.web",
    "audit.extract.xls",
    "audit.extract.xlsx",
)

_log = logging.getLogger(__name__)


class Refused(Exception):  # noqa: N818 -- an outcome, not a fault of the program
    """A file or a part of it is not read, for a reason the ledger knows."""

    def __init__(self, reason: NotScreened, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(slots=True)
class Allowance:
    """What one top-level file may still unpack; shared by everything nested in it."""

    unpacked_bytes: int
    entries: int

    def spend(self, size: int) -> None:
        """Take one entry of ``size`` bytes off, or refuse it."""
        if size > self.unpacked_bytes or self.entries < 1:
            raise Refused(NotScreened.TOO_LARGE, f"{size} bytes more than may be unpacked")
        self.unpacked_bytes -= size
        self.entries -= 1


@dataclass(frozen=True, slots=True)
class Context:
    """What an extractor knows of its file beside the bytes."""

    name: str
    kind: ResourceKind
    limits: Limits
    allowance: Allowance
    depth: int = 0

    @classmethod
    def of(cls, name: str, kind: ResourceKind, limits: Limits) -> Self:
        """The context of a file that is in no other file."""
        return cls(name, kind, limits, Allowance(limits.unpacked_bytes, limits.entries))

    def within(self, name: str, kind: ResourceKind) -> Context:
        """The context of a file inside this one; it spends from the same allowance."""
        return replace(self, name=name, kind=kind, depth=self.depth + 1)


Extractor = Callable[[bytes, Context], Iterator[Item]]


@dataclass(slots=True)
class _Registry:
    extractors: dict[ResourceKind, Extractor] = field(default_factory=dict)


_registry = _Registry()


def extractor(*kinds: ResourceKind) -> Callable[[Extractor], Extractor]:
    """Register the decorated function for ``kinds``; a later registration wins."""

    def register(function: Extractor) -> Extractor:
        _registry.extractors.update(dict.fromkeys(kinds, function))
        return function

    return register


def load(modules: Iterable[str]) -> None:
    """Import modules that register extractors, after the built-in ones."""
    _load_built_ins()
    for module in modules:
        import_module(module)


@lru_cache
def _load_built_ins() -> None:
    for module in BUILT_INS:
        import_module(module)


def items(data: bytes, context: Context) -> Iterator[Item]:
    """Everything one file gives; whatever goes wrong ends as a gap with an empty place."""
    _load_built_ins()
    return contained("", _checked(data, context))


def reader(kind: ResourceKind) -> Extractor:
    """The extractor that is registered for a kind."""
    return _registry.extractors[kind]


def _checked(data: bytes, context: Context) -> Iterator[Item]:
    if context.depth > context.limits.depth:
        raise Refused(NotScreened.BUDGET, "nested too deeply")
    if len(data) > context.limits.file_bytes:
        raise Refused(NotScreened.TOO_LARGE, "larger than the limit for one file")
    yield from reader(context.kind)(data, context)


def contained(place: str, source: Iterable[Item]) -> Iterator[Item]:
    """The items of ``source``; a failure becomes a gap that names ``place``."""
    try:
        yield from source
    except Refused as refusal:
        _log.info("not read: %s: %s", place or "whole file", refusal)
        yield Gap(place, refusal.reason)
    except MemoryError:
        _log.info("not read: %s: out of memory", place or "whole file")
        yield Gap(place, NotScreened.TOO_LARGE)
    except Exception as error:  # noqa: BLE001 -- a hostile file makes a parser raise anything
        _log.info("not read: %s: %s: %s", place or "whole file", type(error).__name__, error)
        yield Gap(place, NotScreened.UNREADABLE)

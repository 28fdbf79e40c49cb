"""Attachments read again for the desk: their text with its places, and their pages as pictures.

A snapshot never changes, so what was read once is kept, up to a number of files and pictures.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from audit.drawing import Drawing, Order, draw
from audit.extract.records import Segment
from audit.extract.worker import ExtractionWorker
from models.tables import Resource
from service.snapshots import Snapshots

#: Files whose text is kept, and pictures: about 60 MB together at the most.
KEPT_TEXTS, KEPT_PICTURES = 24, 96

T = TypeVar("T")


class Attachments:
    """The files of snapshots, opened only in confined processes; for several threads."""

    def __init__(self, snapshots: Snapshots) -> None:
        """Read from these snapshots; no process is started before one is needed."""
        self._snapshots = snapshots
        self._worker = ExtractionWorker()
        # Nobody tells an application that it ends: its reading process ends with it.
        weakref.finalize(self, self._worker.close)
        self._reading, self._drawing = threading.Lock(), threading.Lock()
        self._texts: OrderedDict[Hashable, tuple[Segment, ...]] = OrderedDict()
        self._pictures: OrderedDict[Hashable, Drawing | None] = OrderedDict()

    def body(self, wacz: str, url: str) -> bytes | None:
        """The bytes of a file; None when the store has not got them."""
        return self._snapshots.body(wacz, url)

    def segments(self, wacz: str, resource: Resource) -> tuple[Segment, ...]:
        """The text of a file with its places; empty when it cannot be read."""

        def read() -> tuple[Segment, ...]:
            body = self.body(wacz, resource.url)
            if body is None:
                return ()
            name = file_name(resource.url)
            return self._worker.extract(body, resource.kind, name).segments

        # One process reads one file at a time; a second asker finds the answer kept.
        with self._reading:
            return _kept(self._texts, (wacz, resource.url), KEPT_TEXTS, read)

    def drawing(self, wacz: str, url: str, order: Order) -> Drawing | None:
        """A page of a file, or a picture; None when it cannot be shown."""

        def drawn() -> Drawing | None:
            body = self.body(wacz, url)
            return draw(body, order) if body is not None else None

        # One at a time: a page full of drawings must not take the whole machine.
        with self._drawing:
            return _kept(self._pictures, (wacz, url, order), KEPT_PICTURES, drawn)


def file_name(url: str) -> str:
    """The file's name in an address, as the screening called it."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or url


def _kept(store: OrderedDict[Hashable, T], key: Hashable, most: int, make: Callable[[], T]) -> T:
    if key in store:
        store.move_to_end(key)
        return store[key]
    made = make()
    store[key] = made
    while len(store) > most:
        store.popitem(last=False)
    return made

"""Slots of sites: at most so many requests at once to one site, over everything that crawls.

A *site* is ``host:port``. The limit holds over the browser's subresources and the plain fetches, and
over all processes that share the slots. Beside the slots stands what a site asked of all of us:
to be left alone until a moment, and to be visited no oftener than so.

``LocalSlots`` is for one process. ``FileSlots`` is for all processes of one machine that name the
same directory: one file a site, one locked byte a slot (``fcntl`` record locks), which the kernel
frees when a process dies, however it dies. Several machines need an implementation of ``SiteSlots``
over something that they share.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

#: Gives a slot back; called once.
Release = Callable[[], None]

#: How often a full site is looked at for a slot that another process gave back, in seconds: far
#: below what a request takes, and some ten system calls each time.
POLL_SECONDS = 0.01
#: How often the record of a site is tried for; it is held for microseconds.
_RECORD_SECONDS = 0.001
#: Files kept open; a crawl meets more sites than this only by what its pages embed.
_MOST_OPEN = 256

#: Bytes of a site's file that are locked: who is first in line, the record, and from here the slots.
_LINE, _RECORD, _SLOTS = 32, 33, 64
#: The record: until when the site asked for a pause, and the next turn that is free (epoch seconds).
_FORMAT = struct.Struct("<dd")


class SiteSlots(Protocol):
    """What is shared about sites; every method may wait, none raises for a busy site."""

    async def acquire(self, site: str) -> Release:
        """Take a slot of a site, waiting in line for it; the caller gives it back."""

    async def pause(self, site: str, until: float) -> None:
        """Let nobody begin anything at a site before ``until`` (seconds since the epoch)."""

    async def pause_until(self, site: str) -> float:
        """Until when a site is to be left alone (seconds since the epoch); 0 when it never asked."""

    async def book(self, site: str, spacing: float, now: float) -> float:
        """Book the next turn at a site that wants ``spacing`` seconds between two.

        Returns:
            When it is one's turn, not before ``now`` (both seconds since the epoch).
        """

    def close(self) -> None:
        """Give back what is held."""


class Line:
    """First come, first served: at most ``places`` are in at once; the number may change."""

    __slots__ = ("_waiting", "places", "taken")

    def __init__(self, places: int) -> None:
        """Let in so many."""
        self.places = places
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return bool(self._waiting) or self.taken >= self.places

    async def enter(self) -> None:
        """Wait for a place and take it."""
        if not self.full:
            self.taken += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._waiting.remove(place)
            else:
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place back."""
        self.taken -= 1
        self._admit()

    def resize(self, places: int) -> None:
        """Let in so many from now on; who is in stays."""
        self.places = places
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.taken < self.places:
            place = self._waiting.popleft()
            if not place.done():
                self.taken += 1
                place.set_result(None)


@dataclass(slots=True)
class _Record:
    """What a site asked for."""

    until: float = 0.0
    turn: float = 0.0


class LocalSlots:
    """Slots within this process."""

    def __init__(self, limit: int) -> None:
        """Let ``limit`` requests at once go to one site."""
        self._limit = limit
        self._lines: dict[str, Line] = {}
        self._records: dict[str, _Record] = {}

    async def acquire(self, site: str) -> Release:
        """Take a slot."""
        line = self._lines.get(site) or self._lines.setdefault(site, Line(self._limit))
        await line.enter()
        return line.leave

    async def pause(self, site: str, until: float) -> None:
        """Note that a site wants to be left alone."""
        record = self._records.setdefault(site, _Record())
        record.until = max(record.until, until)

    async def pause_until(self, site: str) -> float:
        """Until when it does."""
        record = self._records.get(site)
        return record.until if record else 0.0

    async def book(self, site: str, spacing: float, now: float) -> float:
        """Book the next turn."""
        record = self._records.setdefault(site, _Record())
        turn = max(now, record.turn)
        record.turn = turn + spacing
        return turn

    def close(self) -> None:
        """Nothing outlives the process."""


@dataclass(slots=True)
class _SiteFile:
    """One site's file as this process has it open.

    A process's record locks are its own to keep account of: it would get a byte it holds twice.
    """

    descriptor: int
    line: Line
    held: set[int] = field(default_factory=set)
    #: One task of this process at a time is, or tries to be, first in line among the processes.
    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    given_back: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def idle(self) -> bool:
        return not self.held and not self.line.taken

    def lock(self, byte: int) -> bool:
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(self, byte: int) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, byte)

    def take(self, limit: int) -> int | None:
        for slot in range(limit):
            if slot not in self.held and self.lock(_SLOTS + slot):
                self.held.add(slot)
                return slot
        return None

    def give_back(self, slot: int) -> None:
        self.unlock(_SLOTS + slot)
        self.held.discard(slot)
        self.given_back.set()
        self.line.leave()

    def read(self) -> _Record:
        data = os.pread(self.descriptor, _FORMAT.size, 0)
        return _Record(*_FORMAT.unpack(data)) if len(data) == _FORMAT.size else _Record()

    def write(self, record: _Record) -> None:
        os.pwrite(self.descriptor, _FORMAT.pack(record.until, record.turn), 0)


class FileSlots:
    """Slots over all processes of this machine that use the same directory.

    One object a process and directory. Fair among processes as far as a lock goes: whoever is first
    in line gets the next slot, and nobody passes by. Processes with different limits share the
    slots of the smaller one, and the larger has the rest to itself.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        """Share ``limit`` slots a site through files in ``directory``, made when missing."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._limit = limit
        self._files: dict[str, _SiteFile] = {}

    async def acquire(self, site: str) -> Release:
        """Take a slot; three system calls when one is free."""
        file = self._open(site)
        await file.line.enter()
        try:
            slot = await self._take(file)
        except BaseException:
            file.line.leave()
            raise
        return partial(file.give_back, slot)

    async def _take(self, file: _SiteFile) -> int:
        async with file.first:
            while not file.lock(_LINE):  # noqa: ASYNC110  (another process holds it)
                await asyncio.sleep(POLL_SECONDS)
            try:
                while (slot := file.take(self._limit)) is None:
                    await self._next_look(file)
            finally:
                file.unlock(_LINE)
        return slot

    async def _next_look(self, file: _SiteFile) -> None:
        """Wait until this process gave a slot back, or another may have."""
        file.given_back.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await file.given_back.wait()
        except TimeoutError:
            return

    async def pause(self, site: str, until: float) -> None:
        """Write down that a site wants to be left alone."""
        file = self._open(site)
        await self._record_lock(file)
        with _unlocking(file):
            record = file.read()
            record.until = max(record.until, until)
            file.write(record)

    async def pause_until(self, site: str) -> float:
        """Until when it does, whichever process was told."""
        return self._open(site).read().until

    async def book(self, site: str, spacing: float, now: float) -> float:
        """Book the next turn among all processes."""
        file = self._open(site)
        await self._record_lock(file)
        with _unlocking(file):
            record = file.read()
            turn = max(now, record.turn)
            record.turn = turn + spacing
            file.write(record)
        return turn

    async def _record_lock(self, file: _SiteFile) -> None:
        # Not waited for by a blocking call: a process that was stopped would stop us as well.
        while not file.lock(_RECORD):  # noqa: ASYNC110  (another process holds it)
            await asyncio.sleep(_RECORD_SECONDS)

    def close(self) -> None:
        """Close all files; the kernel frees what was locked in them."""
        for file in self._files.values():
            os.close(file.descriptor)
        self._files.clear()

    def _open(self, site: str) -> _SiteFile:
        file = self._files.get(site)
        if file is None:
            self._close_one_too_many()
            # A site's name comes from a page: it names no file.
            name = hashlib.sha256(site.encode()).hexdigest()[:32]
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._directory / f"{name}.slots", flags, 0o600)
            file = self._files[site] = _SiteFile(descriptor, Line(self._limit))
        return file

    def _close_one_too_many(self) -> None:
        if len(self._files) < _MOST_OPEN:
            return
        oldest = next((site for site, file in self._files.items() if file.idle), None)
        if oldest is not None:
            os.close(self._files.pop(oldest).descriptor)


@contextmanager
def _unlocking(file: _SiteFile) -> Iterator[None]:
    try:
        yield
    finally:
        file.unlock(_RECORD)


def site_slots(directory: Path | None, limit: int) -> SiteSlots:
    """Slots shared through a directory, or this process's own where none is named."""
    return LocalSlots(limit) if directory is None else FileSlots(directory, limit)

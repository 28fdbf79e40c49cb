"""What was read of a file before, by the file's bytes."""

from __future__ import annotations

import hashlib
from typing import Protocol

from pydantic import ConfigDict, TypeAdapter, ValidationError

from audit.cache.code import EXTRACTION, code_digest
from audit.cache.store import AnswerStore, key_of
from audit.extract.records import Extraction
from models.vocabulary import NotScreened, ResourceKind

#: Reasons that tell of the machine's load as much as of the file.
_PASSING = frozenset({NotScreened.TIMEOUT, NotScreened.TOO_LARGE})

_KEPT = TypeAdapter(
    tuple[Extraction], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


class FileReader(Protocol):
    """Whatever reads files: the worker itself, or what was read before."""

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:
        """Read one file; what goes wrong is a gap of the answer."""


class KeptExtraction:
    """Reads a file only when the same bytes were not read before under the same name and kind.

    The whole name counts: gaps and the places inside an archive begin with it.

    Args:
        worker: What reads.
        store: What was read before.
        setting: Names whatever of the worker's own settings changes what it reads.
    """

    def __init__(self, worker: FileReader, store: AnswerStore, setting: str = "") -> None:
        self._worker = worker
        self._store = store
        self._setting = setting

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:
        """Read one file, or say what was read of it before."""
        content = hashlib.sha256(data).digest()
        key = key_of("extraction", code_digest(EXTRACTION), self._setting, kind, name, content)
        known = self._known(key)
        if known is not None:
            return known
        extraction = self._worker.extract(data, kind, name)
        if _lasting(extraction):
            self._store.put(key, _KEPT.dump_json((extraction,)))
        return extraction

    def _known(self, key: bytes) -> Extraction | None:
        kept = self._store.get(key)
        if kept is None:
            return None
        try:
            return _KEPT.validate_json(kept)[0]
        except ValidationError:
            return None


def _lasting(extraction: Extraction) -> bool:
    """Whether reading again would give the same: not after a child that was killed or crashed."""
    if any(gap.reason in _PASSING for gap in extraction.gaps):
        return False
    failed = any(gap.reason is NotScreened.UNREADABLE for gap in extraction.gaps)
    return bool(extraction.segments) or not failed

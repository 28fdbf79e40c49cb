"""A candidate read beside the model in force: what it would add and drop, never shown as findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.classifier import Band, Classification


@dataclass(slots=True)
class ShadowCount:
    """Runs of text by what the model in force and the candidate say of them."""

    texts: int = 0
    both: int = 0
    added: int = 0
    dropped: int = 0

    def count(self, now: Classification | None, then: Classification) -> None:
        """Count one run of text."""
        flagged, would = (
            now is not None and now.band is not Band.SILENT,
            then.band is not Band.SILENT,
        )
        self.texts += 1
        self.both += flagged and would
        self.added += would and not flagged
        self.dropped += flagged and not would


def count_all(
    counts: dict[str, ShadowCount],
    now: Mapping[str, Classification],
    then: Mapping[str, Classification],
) -> None:
    """Count what every candidate says of a run of text."""
    for family, said in then.items():
        counts.setdefault(family, ShadowCount()).count(now.get(family), said)

"""The coverage ledger in numbers: how much was found, how much of it was screened, and what not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.tables import Coverage
from models.vocabulary import CoverageKind
from rules.policy import Policy


@dataclass(frozen=True, slots=True)
class Tally:
    """The coverage ledger in numbers."""

    found: Mapping[str, int]
    screened: Mapping[str, int]
    gaps: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether nothing that was found went unscreened."""
        return not self.gaps

    def as_json(self, policy: Policy, *, seen: bool = False) -> dict[str, Any]:
        """As the table and the feed carry it; ``seen`` when a person looked at what was not screened."""
        return {
            "found": dict(self.found),
            "screened": dict(self.screened),
            "not_screened": [{"reason": r, "count": n} for r, n in sorted(self.gaps.items())],
            "complete": self.complete,
            "gaps_allowed": seen or self.allowed(policy),
        }

    def allowed(self, policy: Policy) -> bool:
        """Whether the policy lets every gap pass."""
        return not self.held_by(policy)

    def held_by(self, policy: Policy) -> int:
        """How many gaps the policy does not let pass."""
        allowed = {reason.value for reason in policy.allowed_gaps}
        return sum(number for reason, number in self.gaps.items() if reason not in allowed)


def tally(ledger: Sequence[Coverage]) -> Tally:
    """Count a ledger: what was found is what was screened plus the gaps, by construction."""
    found = Counter(row.kind.value for row in ledger)
    screened = Counter(row.kind.value for row in ledger if row.screened)
    gaps = Counter(row.reason.value for row in ledger if row.reason is not None)
    kinds = [kind.value for kind in CoverageKind if found[kind.value]]
    return Tally(
        {kind: found[kind] for kind in kinds}, {kind: screened[kind] for kind in kinds}, dict(gaps)
    )

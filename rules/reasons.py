"""Reason codes: why a person confirmed or dismissed, as a closed list with its wording."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import yaml

from models.vocabulary import Action
from rules.record import Record


class Reason(Record):
    """One reason for a decision."""

    code: str
    label: str
    actions: frozenset[Action]
    #: True for a decision on a whole space, False for one on a finding.
    space_level: bool = False
    wording: str

    def fits(self, action: Action, *, space_level: bool) -> bool:
        """Whether the reason may be given for this action at this level."""
        if action is Action.UNDO:
            return Action.UNDO in self.actions
        return action in self.actions and self.space_level is space_level


@lru_cache
def load_reasons() -> Mapping[str, Reason]:
    """All reasons by code, in the order in which they are offered."""
    text = (resources.files(__package__) / "reasons.yaml").read_text(encoding="utf-8")
    return {code: Reason(code=code, **fields) for code, fields in yaml.safe_load(text).items()}


def reasons_for(action: Action, *, space_level: bool = False) -> list[Reason]:
    """The reasons that may be given for an action."""
    return [r for r in load_reasons().values() if r.fits(action, space_level=space_level)]

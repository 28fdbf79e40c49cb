"""Texts that auditors decided on, as examples for the classifiers."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, col, select

from audit.corpus import OTHER, Example
from audit.review import decisions, in_force
from audit.screening import CLASSIFIED_FROM, MODEL_FAMILIES
from models.tables import Decision, Finding, Space
from models.vocabulary import Action

#: The families of rules whose findings teach a model: its own, and those it cannot tell from it.
TAUGHT_BY: Mapping[str, frozenset[str]] = {
    family: frozenset({kind}) for family, kind in MODEL_FAMILIES.items()
} | {"solicitation": frozenset({"advertising", "contacts", "tutoring"})}


def decided_examples(current: Session, family: str) -> tuple[Example, ...]:
    """Confirmed and dismissed findings of a family, grouped by space; the newest word holds.

    A finding of a rule of the family counts like one of its model. A subject is never decided on.
    """
    known = family in TAUGHT_BY
    spaces = [] if not known else current.exec(select(Space.id).order_by(col(Space.id))).all()
    found: dict[str, Example] = {}
    for space in spaces:
        if space is None:
            continue
        for decision in in_force(decisions(current, space)).values():
            example = _example(current, decision, family)
            if example is not None:
                found[example.text] = example
    return tuple(found[text] for text in sorted(found))


def _example(current: Session, decision: Decision, family: str) -> Example | None:
    finding = current.get(Finding, decision.finding_id) if decision.finding_id else None
    if finding is None or finding.family not in TAUGHT_BY[family]:
        return None
    text = finding.text if len(finding.text) >= CLASSIFIED_FROM else finding.context.strip("…")
    if len(text) < CLASSIFIED_FROM:
        return None
    label = family if decision.action is Action.CONFIRM else OTHER
    return Example(text, label, f"space:{decision.space_id}")

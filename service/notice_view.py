"""A notice as it is shown, printed and exported: whose it is, its items and how each stands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import segno
from sqlmodel import Session

from models.review_tables import Appeal, Notice, NoticeEvent, NoticeItem
from models.tables import Campaign
from models.vocabulary import NoticeEventKind, RecheckOutcome
from service.appeals import appeals_of
from service.errors import UserError
from service.mending import outcomes_of
from service.nominations import NominatedSpace, current_nominations
from service.notices import SETTLED, is_overdue, steps_of, things_of


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One item: what the teacher said of it, what the last re-check found, the appeal on it."""

    row: NoticeItem
    answer: str
    outcome: RecheckOutcome | None
    appeal: Appeal | None


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """A notice and all that belongs to it.

    ``checked_in`` is the snapshot that the last re-check looked at.
    """

    notice: Notice
    campaign: Campaign
    nomination: NominatedSpace
    items: Sequence[ItemShown]
    steps: Sequence[NoticeEvent]
    overdue: bool
    checked_in: str

    @property
    def settled(self) -> bool:
        """Whether nothing more is asked."""
        return self.notice.state in SETTLED


def show_notice(session: Session, notice: Notice, now: datetime) -> NoticeShown:
    """Gather what is shown of a notice.

    Raises:
        UserError: its space is no longer nominated.
    """
    campaign = session.get_one(Campaign, notice.campaign_id)
    found = current_nominations(session, campaign)
    nomination = next((each for each in found if each.space_id == notice.space_id), None)
    if nomination is None:
        raise UserError("the notice's space is no longer nominated", "import the nominations again")
    steps = steps_of(session, notice)
    checked = [step.snapshot_id for step in steps if step.kind is NoticeEventKind.RECHECKED]
    return NoticeShown(
        notice=notice,
        campaign=campaign,
        nomination=nomination,
        items=_items(session, notice, steps),
        steps=steps,
        overdue=is_overdue(notice, now),
        checked_in=(checked[-1] or "") if checked else "",
    )


def _items(session: Session, notice: Notice, steps: Sequence[NoticeEvent]) -> list[ItemShown]:
    answers: dict[str, str] = {}
    for step in steps:
        if step.kind is NoticeEventKind.ANSWERED:
            answers |= step.details["items"]
    outcomes = outcomes_of(steps)
    appeals = {each.item_id: each.row for each in appeals_of(session, notice)}
    return [
        ItemShown(
            row,
            answers.get(str(row.id), ""),
            outcomes.get(row.id or 0),
            appeals.get(row.id or 0),
        )
        for row in things_of(session, notice)
    ]


def paper_values(shown: NoticeShown, link: str | None) -> dict[str, object]:
    """What the printed notice is made from; without a link it says where to ask for one."""
    qr = ""
    if link is not None:
        drawn = io.BytesIO()
        segno.make(link, error="m").save(drawn, kind="svg", xmldecl=False, scale=3, border=2)
        qr = drawn.getvalue().decode()
    return {"shown": shown, "link": link, "qr": qr}

"""Sampling: what does the machine miss among the spaces that it found clean; and do reviewers agree.

A drawing is random, reproducible by its seed, and recorded. A person looks at each space of it, blind to
what others said; the share with something missed, and its interval, estimate the miss rate.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from audit.estimates import Agreement, Share, agreement, share
from models.audit_log import record
from models.review_tables import Opinion, SampleDraw, SampleItem
from models.tables import Campaign, Space, User
from models.vocabulary import Action, ReviewRound, SampleOutcome, VerdictState
from service.desk import Desk
from service.facts import campaign_facts
from service.report import verdict_shown
from service.scope import Scope

#: Who issued a verdict without a person (service.verdicts).
MACHINE = "machine"


class SamplingError(ValueError):
    """A drawing or an outcome is refused; nothing was saved. The message is for officers."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One space of a drawing, as the page shows it."""

    item: SampleItem
    code: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a drawing says of the machine.

    Attributes:
        draw: The drawing.
        waiting: Spaces that nobody has looked at.
        unusable: Spaces of which a person could not tell; they are left out of the share.
        missed: Share of the looked-at spaces on which something had been missed.
    """

    draw: SampleDraw
    waiting: int
    unusable: int
    missed: Share

    @property
    def words(self) -> str:
        """The estimate in one paragraph, for officers."""
        found = self.missed
        if found.value is None or found.low is None or found.high is None:
            return "还没有抽查结果,无法估计漏检率。"
        spaces = self.draw.population
        text = (
            f"从机器判为合格的 {spaces} 个空间中随机抽取 {self.draw.size} 个,已看完 {found.of} 个,"
            f"其中 {found.found} 个有漏检。漏检率估计为 {found.value:.1%},"
            f"95% 置信区间 {found.low:.1%}–{found.high:.1%}(Clopper–Pearson);"
            f"照此推算,全部 {spaces} 个中有漏检的大约在 "
            f"{round(found.low * spaces)} 到 {round(found.high * spaces)} 个之间。"
        )
        if self.unusable:
            text += f"另有 {self.unusable} 个无法判断,未计入。"
        if self.waiting:
            text += f"还有 {self.waiting} 个没有抽查,结果会变动。"
        return text


def machine_clean(session: Session, desk: Desk, campaign: Campaign, scope: Scope) -> list[int]:
    """Keys of the spaces that the machine alone finds eligible today, in ascending order."""
    found = []
    for each in campaign_facts(session, campaign, scope):
        shown = verdict_shown(desk, campaign, each)
        if shown is None or each.verdict is None or shown.state is not VerdictState.ELIGIBLE:
            continue
        if each.verdict.decided_by == MACHINE:
            found.append(each.nomination.space_id)
    return sorted(found)


@dataclass(frozen=True, slots=True)
class DrawWish:
    """How many to draw, and by which seed; an empty seed is made up and recorded."""

    size: int
    seed: str = ""


def draw_sample(  # noqa: PLR0913, PLR0917  (a drawing is from what, by whom, of how many)
    session: Session, desk: Desk, campaign: Campaign, scope: Scope, user_id: int, wish: DrawWish
) -> SampleDraw:
    """Draw at random from the machine-clean spaces that the user may see.

    The same population and seed give the same spaces.

    Raises:
        SamplingError: there are none, or fewer than one is wanted.
    """
    population = machine_clean(session, desk, campaign, scope)
    if not population:
        raise SamplingError("您的范围内没有机器判为合格且现行有效的空间,无从抽查")
    if wish.size < 1:
        raise SamplingError("请至少抽取 1 个")
    at, seed = desk.clock(), wish.seed.strip() or uuid.uuid4().hex[:12]
    chosen = random.Random(seed).sample(population, min(wish.size, len(population)))  # noqa: S311
    draw = SampleDraw(
        id=f"sd_{uuid.uuid4().hex[:12]}",
        campaign_id=campaign.id or 0,
        region_id=scope.region_id,
        seed=seed,
        population=len(population),
        size=len(chosen),
        drawn_by_id=user_id,
        drawn_at=at,
    )
    session.add(draw)
    session.flush()
    verdicts = {f.nomination.space_id: f.verdict for f in campaign_facts(session, campaign, scope)}
    for space_id in chosen:
        verdict = verdicts.get(space_id)
        session.add(
            SampleItem(
                draw_id=draw.id,
                space_id=space_id,
                verdict_id=verdict.id if verdict else None,
                outcome=SampleOutcome.WAITING,
                missed=[],
            )
        )
    actor = session.get_one(User, user_id).name
    record(session, actor=actor, action="sample.drawn", at=at, row=draw)
    return draw


def visible_draws(session: Session, campaign: Campaign, scope: Scope) -> list[SampleDraw]:
    """The drawings of a campaign of whose every space the visitor may see, the newest first."""
    hidden = select(SampleItem.draw_id).where(~scope.covers(col(SampleItem.space_id)))
    query = (
        select(SampleDraw)
        .where(SampleDraw.campaign_id == campaign.id, col(SampleDraw.id).not_in(hidden))
        .order_by(col(SampleDraw.drawn_at).desc(), col(SampleDraw.id))
    )
    return list(session.exec(query))


def items_of(session: Session, draw: SampleDraw) -> list[ItemRow]:
    """The spaces of a drawing, in the order of drawing."""
    query = (
        select(SampleItem, Space.code, User.name)
        .join(Space, col(Space.id) == col(SampleItem.space_id))
        .outerjoin(User, col(User.id) == col(SampleItem.user_id))
        .where(SampleItem.draw_id == draw.id)
        .order_by(col(SampleItem.id))
    )
    return [ItemRow(item, code, name or "") for item, code, name in session.exec(query)]


def estimate(draw: SampleDraw, items: Sequence[SampleItem]) -> Estimate:
    """What the outcomes so far say."""
    outcomes = [each.outcome for each in items]
    missed = outcomes.count(SampleOutcome.MISSED)
    return Estimate(
        draw=draw,
        waiting=outcomes.count(SampleOutcome.WAITING),
        unusable=outcomes.count(SampleOutcome.UNUSABLE),
        missed=share(missed, missed + outcomes.count(SampleOutcome.CLEAN)),
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What a person found on one space of a drawing."""

    outcome: SampleOutcome
    missed: Sequence[str] = ()
    note: str = ""


def keep_outcome(session: Session, item: SampleItem, user: User, look: Look, at: datetime) -> None:
    """Record what a person found; it is given once.

    Raises:
        SamplingError: somebody has looked before, or a miss does not say of what family.
    """
    if look.outcome is SampleOutcome.WAITING:
        raise SamplingError("请选择抽查结果")
    if look.outcome is SampleOutcome.MISSED and not look.missed:
        raise SamplingError("有漏检时,请至少选一类被漏掉的问题")
    if item.outcome is not SampleOutcome.WAITING:
        raise SamplingError("这个空间已经抽查过,结果不能改写")
    item.outcome, item.note = look.outcome, look.note
    item.missed = list(look.missed) if look.outcome is SampleOutcome.MISSED else []
    item.user_id, item.checked_at = user.id, at
    session.add(item)
    details = {"outcome": look.outcome.value, "missed": item.missed, "note": look.note}
    subject = f"sampleitem:{item.id}"
    record(
        session, actor=user.name, action="sample.checked", at=at, subject=subject, details=details
    )


def reviewers_agreement(session: Session, campaign: Campaign, scope: Scope) -> Agreement:
    """How far first and second reviewers agree: blind second opinions against the first ones.

    Of several opinions of one round on one finding, the newest counts.
    """
    query = (
        select(Opinion)
        .join(Space, col(Space.id) == col(Opinion.space_id))
        .where(
            Space.campaign_id == campaign.id,
            scope.covers(col(Opinion.space_id)),
            col(Opinion.round).in_((ReviewRound.FIRST, ReviewRound.SECOND)),
            col(Opinion.blind).is_(True),
            Opinion.action != Action.UNDO,
        )
        .order_by(col(Opinion.at), col(Opinion.id))
    )
    firsts: dict[tuple[int, str | None], str] = {}
    seconds: dict[tuple[int, str | None], str] = {}
    for each in session.exec(query):
        kept = firsts if each.round is ReviewRound.FIRST else seconds
        kept[each.space_id, each.fingerprint] = each.action.value
    return agreement([(firsts[key], seconds[key]) for key in firsts if key in seconds])

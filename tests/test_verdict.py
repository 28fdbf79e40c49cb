"""The verdict in force: how long it stands, who is told, and that it is never passed by the wrong one.

Design §3, 1, 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from audit.facts import facts_of
from audit.records import keep_screening, newest_screening
from audit.review import decide, reviewed_findings
from audit.screening import Tools
from audit.verdict import (
    Basis,
    announce_stale,
    current_verdict,
    hold_against,
    issue_verdict,
    newest_verdict,
)
from models.audit_log import broken_links
from models.database import AppendOnlyError, session
from models.tables import Finding, Resource, Space, User, Verdict
from models.vocabulary import (
    Action,
    FeedEvent,
    NotScreened,
    Openness,
    VerdictReason,
    VerdictState,
)
from rules.policy import Policy, load_policy
from tests.engines import BOTH, fresh_engine
from tests.judgement import (
    DAY,
    NOW,
    a_resource,
    add_snapshot,
    add_space,
    basis,
    found,
    gap,
    screened,
    tools,
)
from tests.snapshots import AT

DEFAULT = load_policy()
ELIGIBLE, PENDING = VerdictState.ELIGIBLE, VerdictState.PENDING
REJECTED, UNDETERMINED = VerdictState.REJECTED, VerdictState.UNDETERMINED
R = VerdictReason


# Standing and going stale


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine(request, tmp_path, request.param) as fresh:
        with session(fresh) as current:
            add_space(current)
        yield fresh


def visit(
    current: Session,
    number: int = 1,
    *spans: str,
    gaps: Sequence[NotScreened] = (),
    with_tools: Tools | None = None,
) -> None:
    """The numbered visit to the space, screened; each span is found in a sentence of its own."""
    keep_screening(
        current,
        screened(
            *(found(f"今天的内容有{span}。", span) for span in spans),
            rows=[gap(reason) for reason in gaps],
        ),
        with_tools or tools(),
        screening_id=f"sc{number}{len(spans)}{with_tools is not None}",
        snapshot=add_snapshot(current, number),
        at=NOW,
    )
    current.flush()


def issue(
    current: Session,
    on: Basis | None = None,
    *,
    by: str = "machine",
    now: datetime = NOW,
    policy: Policy = DEFAULT,
) -> Verdict:
    """The verdict that follows from the rows."""
    facts = facts_of(current, 1)
    number = int(facts.snapshot.id.removeprefix("sn")) if facts.snapshot else 0
    return issue_verdict(
        current,
        facts,
        policy,
        on or basis(number),
        campaign_id=1,
        space_id=1,
        decided_by=by,
        now=now,
    )


def feed(current: Session) -> list[tuple[FeedEvent, VerdictState]]:
    rows_ = current.exec(select(Verdict).order_by(col(Verdict.serial))).all()
    assert [row.serial for row in rows_] == list(range(1, len(rows_) + 1))
    return [(row.event, row.state) for row in rows_]


def say(current: Session, action: Action, reason: str, about: Finding | Space) -> None:
    decide(
        current,
        user=current.exec(select(User)).one(),
        action=action,
        reason=reason,
        note="",
        at=NOW,
        finding=about if isinstance(about, Finding) else None,
        space=about if isinstance(about, Space) else None,
    )
    current.flush()


CHANGES: Sequence[tuple[dict[str, Any], VerdictReason]] = (
    ({"content_digest": "sha256:other"}, R.CONTENT_CHANGED),
    ({"rule_pack": "sha256:other"}, R.RULES_CHANGED),
    ({"models": {"solicitation": "sha256:other"}}, R.MODELS_CHANGED),
    ({"policy": "default@2 sha256:other"}, R.POLICY_CHANGED),
)


@pytest.mark.parametrize(("values", "reason"), CHANGES)
def test_a_verdict_is_stale_while_what_it_stands_on_is_not_todays(
    engine: Engine, values: dict[str, Any], reason: VerdictReason
) -> None:
    with session(engine) as current:
        visit(current)
        issued = issue(current).id
    with session(engine) as current:
        changed = current_verdict(current, 1, basis(**values), NOW)
        assert changed is not None
        assert (changed.state, changed.stale_because) == (VerdictState.STALE, (reason,))
        assert changed.row.id == issued
        assert changed.row.state is ELIGIBLE
        back = current_verdict(current, 1, basis(), NOW)
        assert back is not None
        assert (back.state, back.stale_because) == (ELIGIBLE, ())


def test_another_snapshot_of_the_same_content_is_no_change(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        held = current_verdict(current, 1, basis(snapshot="sn2"), NOW)
        assert held is not None
        assert held.state is ELIGIBLE


def test_all_changes_are_named() -> None:
    row = Verdict(
        id="vd",
        campaign_id=1,
        space_id=1,
        decided_by="machine",
        state=ELIGIBLE,
        basis=basis().as_json(),
        valid_until=NOW,
    )
    values = {name: value for change, _ in CHANGES for name, value in change.items()}
    held = hold_against(row, basis(**values), NOW)
    assert held.stale_because == (*(reason for _, reason in CHANGES), R.EXPIRED)


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(-1, ELIGIBLE), (0, VerdictState.STALE), (1, VerdictState.STALE)],
)
def test_a_verdict_runs_out_at_its_very_moment(
    engine: Engine, seconds: int, state: VerdictState
) -> None:
    end = AT + DEFAULT.valid_days * DAY
    with session(engine) as current:
        visit(current)
        assert issue(current).valid_until == end
        held = current_verdict(current, 1, basis(), end + timedelta(seconds=seconds))
        assert held is not None
        assert held.state is state
        assert held.stale_because == ((R.EXPIRED,) if state is VerdictState.STALE else ())


def test_there_is_no_verdict_on_what_was_never_judged(engine: Engine) -> None:
    with session(engine) as current:
        assert current_verdict(current, 1, basis(), NOW) is None
        assert issue(current).state is UNDETERMINED
        held = current_verdict(current, 1, basis(0, snapshot=None, content_digest=None), NOW)
        assert held is not None


def test_the_feed_is_told_once_and_told_again_when_it_stands_again(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        changed = current_verdict(current, 1, basis(rule_pack="sha256:other"), NOW)
        assert changed is not None
        told = announce_stale(current, changed, NOW)
        assert told is not None
        assert told.supersedes == changed.row.id
        assert [reason["code"] for reason in told.reasons] == ["rules_changed"]
        assert announce_stale(current, changed, NOW) is None
    with session(engine) as current:
        # The announcement is no verdict of its own: what stands is still the one before it.
        held = current_verdict(current, 1, basis(), NOW)
        assert held is not None
        assert held.state is ELIGIBLE
        issue(current)
        issue(current)
        assert feed(current) == [
            (FeedEvent.ISSUED, ELIGIBLE),
            (FeedEvent.STALED, VerdictState.STALE),
            (FeedEvent.ISSUED, ELIGIBLE),
        ]
        assert list(broken_links(current)) == []


def test_nothing_is_announced_of_a_verdict_that_stands(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        held = current_verdict(current, 1, basis(), NOW)
        assert held is not None
        assert announce_stale(current, held, NOW) is None
        assert len(feed(current)) == 1


def test_a_verdict_that_was_replaced_meanwhile_is_not_announced(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        old = current_verdict(current, 1, basis(content_digest="sha256:content-2"), NOW)
        visit(current, 2)
        issue(current)
        assert old is not None
        assert announce_stale(current, old, NOW) is None
        assert feed(current) == [(FeedEvent.ISSUED, ELIGIBLE)] * 2


def test_the_same_verdict_is_not_repeated_by_running_again(engine: Engine) -> None:
    for number in range(3):
        with session(engine) as current:
            if number == 0:
                visit(current, 1, "一对一辅导", gaps=[NotScreened.AUDIO_VIDEO])
            issue(current, now=NOW + number * DAY)
            assert feed(current) == [(FeedEvent.ISSUED, PENDING)]


def test_a_verdict_that_ran_out_is_not_issued_again_as_it_was(engine: Engine) -> None:
    """No new visit could be made: the job runs every night, and the feed stays as it is."""
    late = AT + (DEFAULT.valid_days + 1) * DAY
    with session(engine) as current:
        visit(current)
        issue(current)
        for _ in range(3):
            held = current_verdict(current, 1, basis(), late)
            assert held is not None
            announce_stale(current, held, late)
            issue(current, now=late)
        assert feed(current) == [
            (FeedEvent.ISSUED, ELIGIBLE),
            (FeedEvent.STALED, VerdictState.STALE),
        ]


def test_a_verdict_stands_on_a_screening_by_the_rules_it_names(engine: Engine) -> None:
    """The rules changed and an officer decides before the space was screened again."""
    other = tools("political")
    assert other.pack.digest != tools().pack.digest
    with session(engine) as current:
        visit(current)
        assert issue(current).state is ELIGIBLE
        todays = basis(rule_pack=other.pack.digest)
        assert issue(current, todays).state is PENDING
        models = basis(models={"solicitation": "sha256:model-1"})
        assert issue(current, models).state is PENDING
        snapshot = facts_of(current, 1).snapshot
        assert snapshot is not None
        keep_screening(current, screened(), other, screening_id="sc9", snapshot=snapshot, at=NOW)
        assert issue(current, todays).state is ELIGIBLE


def test_rules_changed_and_changed_back(engine: Engine) -> None:
    """What the first rules found holds the space again, though they were screened with before."""
    other, first = tools("political"), tools()
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        key = newest_screening(current, "sn1")
        snapshot = facts_of(current, 1).snapshot
        assert key is not None
        assert snapshot is not None
        assert issue(current).state is PENDING
        keep_screening(current, screened(), other, screening_id="sc9", snapshot=snapshot, at=NOW)
        assert issue(current, basis(rule_pack=other.pack.digest)).state is ELIGIBLE
        again = screened(found("今天的内容有一对一辅导。", "一对一辅导"))
        for _ in range(2):
            keep_screening(current, again, first, screening_id=key.id, snapshot=snapshot, at=NOW)
            assert issue(current).state is PENDING
        assert len(feed(current)) == 3


@pytest.mark.parametrize("fails", [False, True])
def test_serials_have_no_gaps_even_after_a_failure(engine: Engine, fails: bool) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
    with Session(engine) as current:
        issue(current, basis(policy="default@2 sha256:other"))
        (current.rollback if fails else current.commit)()
    with session(engine) as current:
        issue(current, basis(policy="default@3 sha256:other"))
        assert len(feed(current)) == (2 if fails else 3)


def test_serials_are_given_out_one_by_one_to_many_at_once(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)

    def one(number: int) -> None:
        with session(engine) as current:
            issue(current, basis(policy=f"default@{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    with session(engine) as current:
        assert len(feed(current)) == 12
        assert list(broken_links(current)) == []


def test_a_verdict_cannot_be_edited_or_removed(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
    for spoil in ("edit", "remove"):
        with Session(engine) as current:
            row = newest_verdict(current, 1)
            assert row is not None
            if spoil == "edit":
                row.state = REJECTED
            else:
                current.delete(row)
            with pytest.raises(AppendOnlyError):
                current.commit()


# After a person rejected, a person must pass


def test_after_a_rejection_only_a_person_passes_and_only_what_was_looked_at(
    engine: Engine,
) -> None:
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        assert issue(current).state is PENDING
        [item] = reviewed_findings(current, 1)
        say(current, Action.CONFIRM, "violation", item.finding)
        assert issue(current, by="审核员甲").state is REJECTED
        # The teacher removes it: the machine finds nothing any more, and may not say so.
        visit(current, 2)
        row = issue(current)
        assert (row.state, row.event) == (PENDING, FeedEvent.ISSUED)
        assert [reason["code"] for reason in row.reasons] == ["person_must_pass"]
        say(current, Action.DISMISS, "fit", current.get_one(Space, 1))
        assert issue(current, by="审核员甲").state is ELIGIBLE
        # That word was on that content.
        visit(current, 3)
        assert issue(current).state is PENDING


def test_a_person_who_takes_a_rejection_back_overturns_the_verdict(engine: Engine) -> None:
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        [item] = reviewed_findings(current, 1)
        say(current, Action.CONFIRM, "violation", item.finding)
        first = issue(current, by="审核员甲")
        say(current, Action.DISMISS, "teaching", item.finding)
        second = issue(current, by="审核员甲")
        assert (second.event, second.state) == (FeedEvent.OVERTURNED, ELIGIBLE)
        assert second.supersedes == first.id
        visit(current, 2)
        assert issue(current).state is ELIGIBLE


def test_the_machine_overturns_nothing(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        current.add(Resource(**a_resource(Openness.LOGIN).model_dump(exclude={"id"})))
        current.flush()
        assert issue(current).state is REJECTED
        visit(current, 2)
        row = issue(current)
        assert (row.event, row.state) == (FeedEvent.ISSUED, ELIGIBLE)


def test_an_undone_word_on_the_space_no_longer_passes_it(engine: Engine) -> None:
    with session(engine) as current:
        visit(current, 1, gaps=[NotScreened.PICTURE_TEXT])
        assert issue(current).state is PENDING
        space = current.get_one(Space, 1)
        say(current, Action.DISMISS, "fit", space)
        passed = issue(current, by="审核员甲")
        assert passed.state is ELIGIBLE
        # What nobody read stays a gap; that a person looked at it is what lets the ranking admit it.
        assert (passed.coverage["complete"], passed.coverage["gaps_allowed"]) == (False, True)
        say(current, Action.UNDO, "mistake", space)
        taken_back = issue(current, by="审核员甲")
        assert taken_back.state is PENDING
        assert taken_back.coverage["gaps_allowed"] is False

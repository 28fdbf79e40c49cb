"""Decisions: appended, refused whole or taken whole, and following their finding (design §3, 4 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, func, select

from audit.records import keep_screening, newest_screening, screening_of
from audit.review import (
    DECIDING_ROLES,
    DecisionError,
    ReviewedFinding,
    decide,
    decisions,
    in_force,
    reviewed_findings,
)
from audit.screening import Found, Screened
from models.audit_log import broken_links
from models.database import AppendOnlyError, session
from models.tables import AuditEvent, Decision, Finding, Screening, Snapshot, Space, User
from models.vocabulary import Action, FindingState, Part, Role, Severity
from rules.hits import fingerprint
from tests.engines import BOTH, fresh_engine
from tests.judgement import NOW, add_snapshot, add_space, add_user, found, screened, tools
from tests.snapshots import URL

AD = "应家长要求,开设周末一对一辅导,每小时200元,名额有限。"
SPAN = "一对一辅导"


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine(request, tmp_path, request.param) as fresh:
        with session(fresh) as current:
            add_space(current)
            add_snapshot(current)
        yield fresh


def keep(current: Session, key: str, number: int, *findings: Found) -> Screening:
    """A screening of the numbered snapshot, an hour after the one before."""
    screening = keep_screening(
        current,
        screened(*findings),
        tools(),
        screening_id=key,
        snapshot=current.get_one(Snapshot, f"sn{number}"),
        at=NOW + timedelta(hours=len(current.exec(select(Screening)).all())),
    )
    current.flush()
    return screening


def the_only(current: Session) -> ReviewedFinding:
    [reviewed] = reviewed_findings(current, 1)
    return reviewed


def say(
    current: Session,
    action: Action,
    about: Finding | Space,
    *,
    reason: str = "",
    hours: float = 0,
    user: User | None = None,
) -> Decision:
    """A decision by the auditor, with a reason that fits when none is named."""
    finding = about if isinstance(about, Finding) else None
    fitting = {Action.CONFIRM: "violation", Action.DISMISS: "teaching", Action.UNDO: "mistake"}
    if finding is None:
        fitting |= {Action.CONFIRM: "unfit", Action.DISMISS: "fit"}
    decision = decide(
        current,
        user=user or current.exec(select(User)).one(),
        action=action,
        reason=reason or fitting[action],
        note="",
        at=NOW + timedelta(hours=hours),
        finding=finding,
        space=about if isinstance(about, Space) else None,
    )
    current.flush()
    return decision


def counts(current: Session) -> tuple[int, int]:
    """How many decisions and audit events there are."""
    return tuple(  # type: ignore[return-value]
        current.exec(select(func.count()).select_from(table)).one()
        for table in (Decision, AuditEvent)
    )


# A decision follows its finding


@pytest.mark.parametrize(
    ("action", "state"),
    [(Action.CONFIRM, FindingState.CONFIRMED), (Action.DISMISS, FindingState.DISMISSED)],
)
def test_a_decision_follows_its_finding_into_new_snapshots_and_screenings(
    engine: Engine, action: Action, state: FindingState
) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        decision = say(current, action, the_only(current).finding)
        moved = "本周新上传课件三份,欢迎下载。" + AD + "另有教学随笔两篇。"
        add_snapshot(current, 2)
        keep(current, "sc2", 2, found(moved, SPAN))
        kept = the_only(current)
        assert (kept.finding.screening_id, kept.finding.start) == ("sc2", moved.index(SPAN))
        assert (kept.state, kept.decision) == (state, decision)
        # Other rules: the snapshot is screened again, and the rule's own digest has changed.
        keep(current, "sc3", 2, found(moved, SPAN, rule_digest="sha256:rule-2"))
        again = the_only(current)
        assert again.finding.screening_id == "sc3"
        assert (again.state, again.decision) == (state, decision)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (found(AD, SPAN, rule="r.two"), "another rule"),
        (found(AD.replace("每小时200元", "每小时800元"), SPAN), "other words in its sentence"),
        (found("周日一对一辅导开班。", SPAN), "another sentence"),
    ],
)
def test_a_decision_does_not_spread_to_another_finding(
    engine: Engine, other: Found, why: str
) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        say(current, Action.DISMISS, the_only(current).finding)
        add_snapshot(current, 2)
        keep(current, "sc2", 2, other)
        assert the_only(current).state is FindingState.OPEN, why


def test_a_decision_stands_when_its_finding_goes_away_and_comes_back(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        say(current, Action.CONFIRM, the_only(current).finding)
        keep(current, "sc2", 1)
        assert reviewed_findings(current, 1) == []
        keep(current, "sc3", 1, found(AD, SPAN))
        assert the_only(current).state is FindingState.CONFIRMED


def test_decisions_are_of_one_space(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        say(current, Action.CONFIRM, the_only(current).finding)
        assert decisions(current, 2) == []
        assert reviewed_findings(current, 2) == []


# The newest word that was not undone


def test_undo_brings_back_what_was_decided_before(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        finding = the_only(current).finding
        first = say(current, Action.CONFIRM, finding, hours=1)
        say(current, Action.DISMISS, finding, hours=2)
        assert the_only(current).state is FindingState.DISMISSED
        say(current, Action.UNDO, finding, hours=3)
        assert the_only(current).decision == first
        say(current, Action.UNDO, finding, hours=4)
        assert the_only(current).state is FindingState.OPEN
        with pytest.raises(DecisionError, match="undone"):
            say(current, Action.UNDO, finding, hours=5)
        assert counts(current)[0] == 4


def test_an_undo_on_the_space_leaves_its_findings_alone(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        space = current.get_one(Space, 1)
        say(current, Action.CONFIRM, the_only(current).finding, hours=1)
        with pytest.raises(DecisionError, match="undone"):
            say(current, Action.UNDO, space, hours=2)
        say(current, Action.CONFIRM, space, hours=3)
        say(current, Action.UNDO, space, hours=4)
        assert None not in in_force(decisions(current, 1))
        assert the_only(current).state is FindingState.CONFIRMED


def test_decisions_of_the_same_moment_hold_in_the_order_in_which_they_were_taken(
    engine: Engine,
) -> None:
    """A rehearsal's clock stands still; eight rounds, for ids are drawn at random."""
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        finding = the_only(current).finding
        for _ in range(8):
            say(current, Action.CONFIRM, finding)
            say(current, Action.DISMISS, finding)
            assert the_only(current).state is FindingState.DISMISSED
            say(current, Action.UNDO, finding)
            assert the_only(current).state is FindingState.CONFIRMED
            say(current, Action.UNDO, finding)
            assert the_only(current).state is FindingState.OPEN


def test_a_clock_set_back_does_not_bring_back_an_older_word(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        finding = the_only(current).finding
        say(current, Action.CONFIRM, finding, hours=5)
        say(current, Action.DISMISS, finding, hours=1)
        assert the_only(current).state is FindingState.DISMISSED


# Refused whole


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Action.CONFIRM, "teaching"),
        (Action.CONFIRM, "unfit"),
        (Action.CONFIRM, "because"),
        (Action.CONFIRM, ""),
        (Action.DISMISS, "violation"),
        (Action.DISMISS, "fit"),
        (Action.UNDO, "mistake"),
        (Action.UNDO, "violation"),
    ],
)
def test_a_decision_without_a_fitting_reason_writes_nothing(
    engine: Engine, action: Action, reason: str
) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        before = counts(current)
        with pytest.raises(DecisionError):
            decide(
                current,
                user=current.exec(select(User)).one(),
                action=action,
                reason=reason,
                note="",
                at=NOW,
                finding=the_only(current).finding,
            )
        current.commit()
        assert counts(current) == before


@pytest.mark.parametrize("role", list(Role))
def test_only_auditors_decide(engine: Engine, role: Role) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        user = add_user(current, f"某{role}", role)
        before = counts(current)
        finding = the_only(current).finding
        if role in DECIDING_ROLES:
            say(current, Action.CONFIRM, finding, user=user)
            return
        assert role in (Role.TEACHER, Role.RANKING_CLIENT)
        with pytest.raises(DecisionError, match="cannot decide"):
            say(current, Action.CONFIRM, finding, user=user)
        current.commit()
        assert counts(current) == before


def test_a_disabled_user_decides_nothing(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        user = add_user(current, "已离任", disabled=True)
        before = counts(current)
        with pytest.raises(DecisionError, match="disabled"):
            say(current, Action.CONFIRM, the_only(current).finding, user=user)
        current.commit()
        assert counts(current) == before


def test_a_decision_is_about_something(engine: Engine) -> None:
    with session(engine) as current, pytest.raises(DecisionError, match="name one"):
        decide(
            current,
            user=current.exec(select(User)).one(),
            action=Action.CONFIRM,
            reason="unfit",
            note="",
            at=NOW,
        )


# What a decision leaves behind


def test_a_decision_says_what_it_was_about_and_is_in_the_log(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        finding = the_only(current).finding
        decision = say(current, Action.CONFIRM, finding)
        assert decision.fingerprint == finding.fingerprint
        assert (decision.finding_id, decision.snapshot_id) == (finding.id, "sn1")
        assert decision.rule_digest == finding.rule_digest
        event = current.exec(
            select(AuditEvent).where(AuditEvent.subject == f"decision:{decision.id}")
        ).one()
        assert (event.actor, event.action) == ("审核员甲", "decision.confirm")
        assert list(broken_links(current)) == []


@pytest.mark.parametrize(
    ("table", "column"), [(Screening, "rule_pack"), (Finding, "text"), (Decision, "note")]
)
def test_what_was_kept_cannot_be_edited_or_removed(
    engine: Engine, table: type[Screening | Finding | Decision], column: str
) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        say(current, Action.CONFIRM, the_only(current).finding)
    with Session(engine) as current:
        setattr(current.exec(select(table)).one(), column, "改过")
        with pytest.raises(AppendOnlyError):
            current.commit()
    with Session(engine) as current:
        current.delete(current.exec(select(table)).one())
        with pytest.raises(AppendOnlyError):
            current.commit()


# Keeping screenings


def test_the_same_screening_again_changes_nothing(engine: Engine) -> None:
    with session(engine) as current:
        first = keep(current, "sc1", 1, found(AD, SPAN))
        before = (counts(current), [item.finding.id for item in reviewed_findings(current, 1)])
        again = keep(current, "sc1", 1, found(AD, SPAN), found("再加一处一对一辅导", SPAN))
        after = (counts(current), [item.finding.id for item in reviewed_findings(current, 1)])
        assert again == first
        assert after == before


def test_screenings_of_the_same_moment_hold_in_the_order_in_which_they_were_kept(
    engine: Engine,
) -> None:
    with session(engine) as current:
        for key in ("sc5", "sc9", "sc1", "sc7"):
            kept = keep_screening(
                current,
                screened(),
                tools(),
                screening_id=key,
                snapshot=current.get_one(Snapshot, "sn1"),
                at=NOW,
            )
            current.flush()
            assert newest_screening(current, "sn1") == kept


def test_going_back_to_older_rules_brings_their_findings_back(engine: Engine) -> None:
    """Rules A, rules B, and A again: what is in force is what A found (design §3, 1)."""
    with session(engine) as current:
        keep(current, "scA", 1, found(AD, SPAN))
        keep(current, "scB", 1)
        assert reviewed_findings(current, 1) == []
        keep(current, "scA", 1, found(AD, SPAN))
        assert the_only(current).finding.text == SPAN
        rows = current.exec(select(func.count()).select_from(Screening)).one()
        keep(current, "scA", 1, found(AD, SPAN))
        assert current.exec(select(func.count()).select_from(Screening)).one() == rows


def test_findings_in_force_are_those_of_the_newest_visit(engine: Engine) -> None:
    with session(engine) as current:
        keep(current, "sc1", 1, found(AD, SPAN))
        add_snapshot(current, 2)
        # Visited again and not yet screened: what the old visit showed is not today's content.
        assert screening_of(current, 1) is None
        assert reviewed_findings(current, 1) == []


def test_the_most_severe_finding_comes_first(engine: Engine) -> None:
    texts = {
        "震惊!不看后悔": Severity.NOTICE,
        "加微信领资料": Severity.SUSPECT,
        "周末有偿补课": Severity.SERIOUS,
        "联系电话见下": Severity.SUSPECT,
    }
    with session(engine) as current:
        keep(current, "sc1", 1, *(found(t, t, severity=s) for t, s in texts.items()))
        listed = reviewed_findings(current, 1)
        assert [item.finding.severity for item in listed] == sorted(
            texts.values(), key=lambda severity: -severity.rank
        )
        assert [item.finding.id for item in reviewed_findings(current, 1)] == [
            item.finding.id for item in listed
        ]


def test_one_run_of_text_in_two_parts_is_two_findings_and_one_decision(engine: Engine) -> None:
    on_page, in_file = found(AD, SPAN), found(AD, SPAN, part=Part.ATTACHMENT, url=f"{URL}/a.docx")
    with session(engine) as current:
        keep(current, "sc1", 1, on_page, in_file)
        [first, second] = reviewed_findings(current, 1)
        assert first.finding.id != second.finding.id
        say(current, Action.DISMISS, first.finding)
        assert {item.state for item in reviewed_findings(current, 1)} == {FindingState.DISMISSED}


def test_what_a_screening_found_is_kept_whole(engine: Engine) -> None:
    made = found(AD, SPAN, boxes=((40, 100, 100, 24),))
    with session(engine) as current:
        keep(current, "sc1", 1, made)
    with session(engine) as current:
        row = the_only(current).finding
        assert row.fingerprint == fingerprint("r.one", AD, row.start, row.end)
        assert row.context[row.start : row.end] == row.text == SPAN
        assert row.boxes == [[40, 100, 100, 24]]
        kept = current.get_one(Screening, "sc1")
        assert (kept.rule_pack_digest, kept.models) == (tools().pack.digest, tools().models)
        assert Screened().findings == []

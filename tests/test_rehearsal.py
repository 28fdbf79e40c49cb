"""A dry run of screening again: what would change and what it would cost; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from audit.cache.matching import KeptMatcher
from audit.cache.store import AnswerStore
from audit.review import decide
from crawler.store import SnapshotStore
from models.database import session
from models.tables import Campaign, Finding, Screening, User, Verdict
from models.vocabulary import Action, VerdictState
from rules.pack import RulePack, parse_pack
from service.commands.rehearsal import print_rehearsal
from service.config import Config
from service.nominations import NominatedSpace
from service.rehearsal import ASSUMED_MINUTES, Pace, on_trial, rehearse, review_pace, tried_pack
from service.screenings import screen_space
from service.workbench import Workbench
from service.workspace import open_database
from tests.judgement import NOW, add_snapshot, add_space, line_of, page, snapshot_of, tools
from tests.snapshots import URL, manifest

PHONE = "13800138000"
TEXT = f"报名请找示例老师,电话{PHONE},欢迎参加暑假活动。"

RULE = """
  - id: own.rule.{name}
    title: 示例
    family: wording
    severity: serious
    basis: [{{document: 甲, clause: 一}}]
    mend: 改。
    should_hit: [甲]
    near_misses: [乙]
    phrases: [{phrase}]"""


def pack(**phrases: str) -> RulePack:
    rules = "".join(RULE.format(name=name, phrase=phrase) for name, phrase in phrases.items())
    return parse_pack(f"id: own\nversion: '1'\nrules:{rules}", "own.yaml")


def space() -> NominatedSpace:
    names = NominatedSpace.__dataclass_fields__
    values = dict.fromkeys(names) | {"space_id": 1, "code": "s1"}
    return NominatedSpace(**values)  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """A space with one snapshot, screened with one rule."""
    home = tmp_path / "home"
    config = Config(home=home)
    made = tmp_path / "made"
    whole = manifest(pages=(page(blocks=1),))
    with snapshot_of(made, whole, {URL: [line_of(TEXT)]}):
        pass
    (home / "snapshots").mkdir(parents=True)
    (made / "snapshot.wacz").rename(home / "snapshots" / "1.wacz")
    rules = pack(summer="暑假活动")
    with AnswerStore(home / "answers.db") as answers:
        kept = replace(tools(), pack=rules, matcher=KeptMatcher(rules, answers), answers=answers)
        engine = open_database(config)
        with session(engine) as current:
            add_space(current)
            add_snapshot(current)
        yield Workbench(config, engine, SnapshotStore(config.store), kept)
        engine.dispose()


def campaign(bench: Workbench) -> Campaign:
    with session(bench.engine) as current:
        row = current.exec(select(Campaign)).one()
        current.expunge(row)
    return row


def rows(bench: Workbench) -> list[object]:
    with session(bench.engine) as current:
        return [current.exec(select(table.id)).all() for table in (Screening, Finding, Verdict)]


def test_the_same_rules_would_change_nothing(bench: Workbench) -> None:
    screen_space(bench, campaign(bench), space())
    before = rows(bench)
    said = rehearse(bench, campaign(bench), space())
    assert said is not None
    assert (said.new, said.gone, said.same, said.to_review) == ((), (), 1, 0)
    assert said.rules == {"own.rule.summer": {"new": 0, "gone": 0, "same": 1}}
    assert rows(bench) == before


def test_other_rules_are_tried_before_they_take_effect(
    bench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen_space(bench, campaign(bench), space())
    before = rows(bench)
    trial = on_trial(bench, pack(call="报名请找"))
    said = rehearse(trial, campaign(bench), space())
    assert said is not None
    assert (len(said.new), len(said.gone), said.same, said.to_review) == (1, 1, 0, 1)
    assert {e.change: e.text for e in said.examples} == {"new": "报名请找", "gone": "暑假活动"}
    assert rows(bench) == before
    print_rehearsal([said], Pace(3, measured=False), as_json=True)
    printed = capsys.readouterr().out
    assert PHONE not in printed
    assert json.loads(printed)[0]["review_minutes"] == 3
    print_rehearsal([said], Pace(3, measured=False), as_json=False)


def test_a_space_that_would_lose_eligible_is_told(bench: Workbench) -> None:
    clean = on_trial(bench, pack(none="没有这句话"))
    screen_space(clean, campaign(bench), space())
    with session(bench.engine) as current:
        assert current.exec(select(Verdict)).one().state is VerdictState.ELIGIBLE
    said = rehearse(bench, campaign(bench), space())
    assert said is not None
    assert said.loses_eligible
    kept = rehearse(clean, campaign(bench), space())
    assert kept is not None
    assert not kept.loses_eligible


def test_a_decision_follows_its_finding_through_a_new_screening(bench: Workbench) -> None:
    screen_space(bench, campaign(bench), space())
    with session(bench.engine) as current:
        finding = current.exec(select(Finding)).one()
        decide(
            current,
            user=current.exec(select(User)).one(),
            action=Action.DISMISS,
            reason="teaching",
            note="",
            at=NOW,
            finding=finding,
        )
    more = on_trial(bench, pack(summer="暑假活动", call="报名请找"))
    said = rehearse(more, campaign(bench), space())
    assert said is not None
    assert (len(said.new), said.same, said.to_review) == (1, 1, 1)
    # Gone for a while and back again, it is still decided on.
    screen_space(on_trial(bench, pack(none="没有这句话")), campaign(bench), space())
    back = rehearse(bench, campaign(bench), space())
    assert back is not None
    assert (len(back.new), back.to_review) == (1, 0)


def test_files_go_beside_the_rules_in_force_and_a_folder_in_their_place(
    bench: Workbench, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    rule = RULE.format(name="summer", phrase="寒假")
    own.write_text(f"id: mine\nversion: '2'\nrules:{rule}", encoding="utf-8")
    beside = tried_pack(bench, [own], None)
    assert [rule.phrases for rule in beside.rules] == [("寒假",)]
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        f"id: a\nversion: '1'\nrules:{RULE.format(name='a', phrase='春假')}", encoding="utf-8"
    )
    assert [rule.id for rule in tried_pack(bench, [], folder).rules] == ["own.rule.a"]
    assert len(tried_pack(bench, [own], folder).rules) == 2
    with pytest.raises(ValueError, match="holds no"):
        tried_pack(bench, [], tmp_path / "none")


def test_the_time_a_finding_takes_is_measured_where_there_are_enough_decisions(
    bench: Workbench,
) -> None:
    screen_space(bench, campaign(bench), space())

    def decided(minutes: list[float]) -> Pace:
        with session(bench.engine) as current:
            finding, user = current.exec(select(Finding)).one(), current.exec(select(User)).one()
            at = NOW
            for gap in minutes:
                at += timedelta(minutes=gap)
                decide(
                    current,
                    user=user,
                    action=Action.DISMISS,
                    reason="teaching",
                    note="",
                    at=at,
                    finding=finding,
                )
            current.flush()
            pace = review_pace(current, campaign(bench))
            current.rollback()
        return pace

    assert decided([1.0] * 5) == Pace(ASSUMED_MINUTES, measured=False)
    assert decided([1.0] * 20 + [600.0] + [4.0] * 10) == Pace(1.0, measured=True)

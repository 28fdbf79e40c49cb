"""Models in force, candidates in shadow, promotion over the floor, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from audit.classifier import Band, Classification, Classifier, load
from audit.corpus import OTHER, Example
from audit.floors import FLOORS, short_of
from audit.review import decide
from audit.screening import screen
from audit.shadow import ShadowCount, count_all
from audit.training import FAMILIES, SEEDED, seeded_task
from models.audit_log import broken_links
from models.database import migrate, open_engine, session
from models.tables import AuditEvent, Finding, User
from models.vocabulary import Action, Role, Severity
from service import models
from service.decided import decided_examples
from service.errors import UserError
from service.models import (
    Change,
    keep_shadow,
    load_candidates,
    load_classifiers,
    promote,
    rollback,
    shadow_total,
    standings,
    train_candidate,
)
from tests.factories import add_campaign, make_desk
from tests.judgement import line_of, page, snapshot_of, tools
from tests.snapshots import URL, manifest

FAMILY = "solicitation"
AT = datetime(2022, 9, 1, tzinfo=UTC)
DECIDED = tuple(
    Example(f"第{n}批活动用品免费领取,请到传达室登记", OTHER, f"space:{n}") for n in range(6)
)
OFFER = "本学期开设周末一对一辅导班,每小时200元,有意者请加微信报名,名额有限,先到先得。"


@pytest.fixture(scope="module")
def in_force(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in-force")
    load_classifiers(folder)
    return folder


@pytest.fixture
def folder(in_force: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "models"
    copied.mkdir()
    for file in in_force.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    return copied


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'data.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def current(engine: Engine) -> Iterator[Session]:
    with session(engine) as opened:
        yield opened


def change(**values: object) -> Change:
    return Change(**{"actor": "cli:test", "at": AT, **values})  # type: ignore[arg-type]


def candidate(folder: Path, decided: Sequence[Example] = DECIDED) -> str:
    card = train_candidate(seeded_task(FAMILY, decided), folder, date(2022, 9, 1))
    assert card is not None
    assert card.sources["decisions"] == len(decided)
    return card.digest


def in_force_digest(folder: Path) -> str:
    return {each.family: each.digest for each in load_classifiers(folder)}[FAMILY]


def test_what_is_loaded_twice_is_trained_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "train", None)
    assert [each.family for each in load_classifiers(folder)] == list(SEEDED)


def test_a_damaged_model_is_trained_anew(folder: Path) -> None:
    digest = in_force_digest(folder)
    (folder / f"{FAMILY}.skops").write_bytes(b"cut")
    assert in_force_digest(folder) == digest


def test_without_decisions_the_candidate_is_the_model_in_force(folder: Path) -> None:
    assert train_candidate(seeded_task(FAMILY), folder, None) is None


def test_a_candidate_changes_nothing_until_it_is_promoted(folder: Path, current: Session) -> None:
    before = in_force_digest(folder)
    digest = candidate(folder)
    assert digest != before
    assert in_force_digest(folder) == before
    keep_shadow(folder, "sn1", {FAMILY: ShadowCount(9, 1, 2, 0)})
    assert promote(current, folder, FAMILY, change()) == digest
    assert in_force_digest(folder) == digest
    assert load_candidates(folder) == ()
    assert load(folder / f"{FAMILY}.skops").digest == digest
    [event] = current.exec(select(AuditEvent)).all()
    assert (event.action, event.actor) == ("model.promoted", "cli:test")
    assert event.subject == f"model:{FAMILY}:{digest}"
    assert event.details["before"] == before
    assert event.details["shadow"]["added"] == 2


def test_the_way_back(folder: Path, current: Session) -> None:
    before = in_force_digest(folder)
    candidate(folder)
    promote(current, folder, FAMILY, change(reason="没有快照可读"))
    assert rollback(current, folder, FAMILY, change(reason="误报增多")) == before
    assert in_force_digest(folder) == before
    assert [e.action for e in current.exec(select(AuditEvent))] == [
        "model.promoted",
        "model.rolled_back",
    ]
    assert list(broken_links(current)) == []
    with pytest.raises(UserError, match="no other model"):
        rollback(current, folder, FAMILY, change())


def test_a_candidate_that_never_ran_in_shadow_waits(folder: Path, current: Session) -> None:
    candidate(folder)
    with pytest.raises(UserError, match="never ran in shadow"):
        promote(current, folder, FAMILY, change())


def test_a_candidate_below_the_floor_needs_a_flag_and_a_reason(
    folder: Path, current: Session
) -> None:
    before = in_force_digest(folder)
    digest = candidate(folder)
    card = folder / "candidates" / f"{FAMILY}.json"
    values = json.loads(card.read_text(encoding="utf-8"))
    values["macro_f1"] = FLOORS[FAMILY].macro_f1 - 0.1
    card.write_text(json.dumps(values), encoding="utf-8")
    keep_shadow(folder, "sn1", {FAMILY: ShadowCount(1, 0, 0, 0)})
    for tried in (change(), change(below_floor=True), change(reason="急用")):
        with pytest.raises(UserError, match="misses the floor"):
            promote(current, folder, FAMILY, tried)
        assert in_force_digest(folder) == before
    assert promote(current, folder, FAMILY, change(below_floor=True, reason="急用")) == digest
    [event] = current.exec(select(AuditEvent)).all()
    assert event.details["reason"] == "急用"
    assert "macro-F1" in event.details["short_of"][0]


def test_what_stands_where_is_listed(folder: Path) -> None:
    candidate(folder)
    found = {(one.standing, one.family) for one in standings(folder)}
    assert found == {("in force", family) for family in SEEDED} | {("candidate", FAMILY)}


def test_counts_of_another_candidate_do_not_count(folder: Path) -> None:
    candidate(folder)
    keep_shadow(folder, "sn1", {FAMILY: ShadowCount(9, 1, 2, 0)})
    keep_shadow(folder, "sn2", {FAMILY: ShadowCount(5, 1, 0, 3)})
    keep_shadow(folder, "sn1", {FAMILY: ShadowCount(9, 1, 1, 0)})
    total = {"snapshots": 2, "texts": 14, "both": 2, "added": 1, "dropped": 3}
    assert shadow_total(folder, FAMILY) == total
    candidate(folder, DECIDED[:3])
    assert shadow_total(folder, FAMILY)["snapshots"] == 0


def test_shadow_counts_what_a_candidate_adds_and_drops() -> None:
    silent, hit = Classification(0.1, Band.SILENT), Classification(0.9, Band.SUSPECT)
    counts: dict[str, ShadowCount] = {}
    for now, then in ((silent, hit), (hit, silent), (hit, hit), (silent, silent)):
        count_all(counts, {FAMILY: now}, {FAMILY: then})
    assert counts == {FAMILY: ShadowCount(texts=4, both=1, added=1, dropped=1)}


def test_a_candidate_is_never_shown_as_a_finding(folder: Path, tmp_path: Path) -> None:
    digest = candidate(folder)
    classifiers = load_classifiers(folder)
    with_models = replace(tools(), classifiers=classifiers)
    with_shadow = replace(with_models, shadow=load_candidates(folder))
    assert with_shadow.stamp() == with_models.stamp()
    whole = manifest(pages=(page(blocks=1),))
    with snapshot_of(tmp_path / "s", whole, {URL: [line_of(OFFER)]}) as reader:
        result = screen(reader, with_shadow)
        assert result.findings == screen(reader, with_models).findings
    assert result.shadow == {FAMILY: ShadowCount(texts=1, both=1)}
    assert digest not in {each.rule_digest for each in result.findings}


@pytest.mark.parametrize("family", sorted(FLOORS))
def test_a_floor_holds_back_what_is_worse_in_any_way(family: str) -> None:
    floor = FLOORS[family]
    good = {
        "family": family,
        "macro_f1": floor.macro_f1,
        "suspect": {
            "recall": floor.suspect_recall,
            "false_alarms": floor.suspect_false_alarms,
            "lessons": 0.002,
        },
    }
    assert short_of(good) == []
    assert len(short_of(good | {"macro_f1": floor.macro_f1 - 0.01})) == 1
    for name, worse in (("recall", -0.01), ("false_alarms", 0.01), ("lessons", 0.001)):
        suspect = dict(good["suspect"])  # type: ignore[call-overload]
        suspect[name] += worse
        assert len(short_of(good | {"suspect": suspect})) == 1


class _Told:
    """Stands for a model of subjects that is sure of one."""

    family, digest, longest = "subject", "sha256:told", None

    def __init__(self, subject: str | None) -> None:
        self._subject = subject

    def surely(self, _text: str) -> str | None:
        return self._subject


DRUGS = "有人说大麻无害,很多明星都抽大麻。这种说法在当时的报纸上流传了很久,许多读者信以为真,后来才被医生的文章一条条驳倒。请同学们结合材料说明它错在哪里,为什么。"


@pytest.mark.parametrize("told", [None, "历史", "数学"])
def test_a_text_of_an_exempt_subject_is_a_hint_in_any_space(
    tmp_path: Path, told: str | None
) -> None:
    exempt = {rule.id for rule in tools().pack.rules if "历史" in rule.subjects}
    whole = manifest(pages=(page(blocks=1),))
    models_: tuple[Classifier, ...] = (_Told(told),)  # type: ignore[assignment]
    with snapshot_of(tmp_path / "s", whole, {URL: [line_of(DRUGS)]}) as reader:
        result = screen(reader, replace(tools(), classifiers=models_), subject="数学")
    found = {each.severity for each in result.findings if each.rule in exempt}
    assert found
    assert (found == {Severity.NOTICE}) == (told == "历史")
    topics = {"on_topic": int(told == "数学"), "off_topic": int(told == "历史")}
    assert {name: result.measures[name] for name in topics} == topics


def test_the_newest_word_of_the_auditors_teaches(engine: Engine) -> None:
    made = make_desk(engine)
    add_campaign(made, spaces=7)
    with session(engine) as current:
        user = User(name="wang", role=Role.CITY_STAFF, created_at=AT)
        current.add(user)
        current.flush()
        kinds = ("headlines", "pseudoscience", "contacts", "personal-data")
        found = {
            kind: current.exec(select(Finding).where(Finding.family == kind)).first()
            for kind in kinds
        }
        for number, finding in enumerate(found.values()):
            for action, reason in ((Action.DISMISS, "teaching"), (Action.CONFIRM, "violation")):
                if finding is None or (action is Action.CONFIRM and finding.family == "contacts"):
                    continue
                decide(
                    current,
                    user=user,
                    action=action,
                    reason=reason,
                    note="",
                    at=AT + timedelta(minutes=number),
                    finding=finding,
                )
        taught = {family: decided_examples(current, family) for family in FAMILIES}
        space = found["contacts"].space_id if found["contacts"] else 0
    [headline], [rumour], [ad] = (taught[f] for f in ("headline", "rumour", "solicitation"))
    assert (headline.text, headline.label) == (
        "震惊!不看后悔一辈子的高分秘诀,收藏起来慢慢看。",
        "headline",
    )
    assert rumour.label == "rumour"
    assert (ad.text, ad.label, ad.group) == ("加微信 teacher-demo-2022", OTHER, f"space:{space}")
    assert taught["abusive"] == ()
    assert taught["subject"] == ()

"""Answers kept from one screening to the next: the same as from nothing, whatever became of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.cache import classifying
from audit.cache.classifying import classified
from audit.cache.extraction import KeptExtraction
from audit.cache.matching import ON_TRIAL, KeptMatcher
from audit.cache.store import AnswerStore, key_of
from audit.classifier import Band, Classification
from audit.extract.records import Extraction, Gap, Segment
from models.vocabulary import NotScreened, Part, ResourceKind, Severity
from rules.matcher import Hit, Matcher
from rules.pack import RulePack, load_packs
from rules.rule import Rule

KEY = key_of("a", "key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AnswerStore]:
    with AnswerStore(tmp_path / "answers.db") as opened:
        yield opened


# The file


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    long = b"long " * 1000
    with AnswerStore(tmp_path / "a.db") as first:
        first.put(KEY, b"short")
        first.put(key_of("other"), long)
        assert first.get(KEY) == b"short"
    with AnswerStore(tmp_path / "a.db") as second:
        assert (second.get(KEY), second.get(key_of("other"))) == (b"short", long)
        assert second.get(key_of("akey")) is None


def test_the_parts_of_a_key_do_not_run_into_each_other() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")


def test_two_processes_write_beside_each_other(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.db") as one, AnswerStore(tmp_path / "a.db") as other:
        one.put(KEY, b"1")
        other.put(key_of("2"), b"2")
        one.flush()
        other.flush()
        assert (other.get(KEY), one.get(key_of("2"))) == (b"1", b"2")


def test_a_row_that_was_altered_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with AnswerStore(path) as first:
        first.put(KEY, b"the truth")
    with closing(sqlite3.connect(path)) as database, database:
        [(value,)] = database.execute("SELECT value FROM kept")
        database.execute("UPDATE kept SET value = ?", (value[:-1] + b"X",))
    with AnswerStore(path) as second:
        assert second.get(KEY) is None


def test_a_row_moved_under_another_key_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with AnswerStore(path) as first:
        first.put(KEY, b"the truth")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE kept SET key = ?", (key_of("other"),))
    with AnswerStore(path) as second:
        assert second.get(key_of("other")) is None


def _no_database(path: Path) -> None:
    path.write_bytes(b"no database " * 500)


def _torn(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + b"\xff" * (len(whole) - 1000))


def _other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE kept")
        database.execute("CREATE TABLE kept (something)")


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [Path.unlink, _no_database, _torn, _other_tables, _a_folder])
def test_a_spoilt_file_only_costs_the_answers(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "a.db"
    with AnswerStore(path) as first:
        for number in range(300):
            first.put(key_of(str(number)), bytes(100))
    spoil(path)  # type: ignore[operator]
    with AnswerStore(path) as second:
        assert [second.get(key_of(str(number))) for number in range(300)].count(None) > 0
        second.put(KEY, b"new")
        second.flush()


@pytest.mark.parametrize("spoil", [_no_database, _torn])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "a.db"
    with AnswerStore(path) as first:
        first.put(KEY, bytes(100))
    spoil(path)  # type: ignore[operator]
    with AnswerStore(path) as second:
        second.get(KEY)
        second.put(KEY, b"new")
    with AnswerStore(path) as third:
        assert third.get(KEY) == b"new"


def test_a_busy_file_is_waited_for_no_longer_than_it_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.cache.store._PATIENCE", 0.05)
    path = tmp_path / "a.db"
    with AnswerStore(path) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put(KEY, b"1")
        store.flush()
        assert store.get(KEY) is None
        other.rollback()
        store.put(KEY, b"2")
        store.flush()
        assert store.get(KEY) == b"2"


def test_the_file_stays_within_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    limit = 400_000
    with AnswerStore(path, limit) as first:
        for number in range(150):
            first.put(key_of(str(number)), number.to_bytes(2, "big") * 60)
    with AnswerStore(path, limit) as second:
        for number in range(150, 6000):
            second.put(key_of(str(number)), number.to_bytes(2, "big") * 60)
        second.flush()
        assert second.get(key_of("5999")) is not None
        assert all(second.get(key_of(str(number))) is None for number in range(150))
        second.put(KEY, Random(0).randbytes(limit))
        assert second.get(KEY) is None
    # What one flush writes may stand beside what it drops until the file is next used.
    assert path.stat().st_size < 3 * limit


# Files


class Worker:
    """Reads anything as one segment, or as told; counts how often it is asked."""

    def __init__(self, answer: Extraction | None = None) -> None:
        self.asked = 0
        self._answer = answer

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:
        self.asked += 1
        text = f"{kind.value} {data.decode()}"
        return self._answer or Extraction((Segment(text, Part.ATTACHMENT, name),))


def test_a_file_is_read_once_under_one_name_and_kind(store: AnswerStore) -> None:
    worker = Worker()
    kept = KeptExtraction(worker, store)
    files = [
        (b"a", ResourceKind.TXT, "a.txt"),
        (b"b", ResourceKind.TXT, "a.txt"),
        (b"a", ResourceKind.PDF, "a.txt"),
        (b"a", ResourceKind.TXT, "b.txt"),
    ]
    first = [kept.extract(*file) for file in files]
    assert [kept.extract(*file) for file in files] == first
    assert first == [Worker().extract(*file) for file in files]
    assert worker.asked == len(files)
    KeptExtraction(worker, store, "other limits").extract(*files[0])
    assert worker.asked == len(files) + 1


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        (NotScreened.TIMEOUT, 2),
        (NotScreened.TOO_LARGE, 2),
        (NotScreened.UNREADABLE, 2),
        (NotScreened.ENCRYPTED, 1),
        (NotScreened.NO_TEXT_LAYER, 1),
    ],
)
def test_what_another_try_may_change_is_tried_again(
    store: AnswerStore, reason: NotScreened, asked: int
) -> None:
    worker = Worker(Extraction(gaps=(Gap("a.pdf", reason),)))
    kept = KeptExtraction(worker, store)
    assert kept.extract(b"", ResourceKind.PDF, "a.pdf") == kept.extract(
        b"", ResourceKind.PDF, "a.pdf"
    )
    assert worker.asked == asked


def test_another_version_of_the_code_reads_again(
    store: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker()
    kept = KeptExtraction(worker, store)
    kept.extract(b"", ResourceKind.TXT, "a")
    monkeypatch.setattr("audit.cache.extraction.code_digest", lambda _: "other")
    kept.extract(b"", ResourceKind.TXT, "a")
    assert worker.asked == 2


# Rules

#: Few characters and short phrases, so that rules overlap, hold each other and share words.
PHRASE = st.text("甲乙丙丁加微信", min_size=2, max_size=4)
PHRASES = st.lists(PHRASE, max_size=3, unique=True).map(tuple)
TEXT = st.text("甲乙丙丁加微信 ·*。《》不", max_size=40)
PATTERN = st.sampled_from(["甲.{0,3}乙", "(?P<hit>丙)丁", "加.?微"])


@st.composite
def rules(draw: st.DrawFn, name: str) -> Rule:
    exclude = draw(st.lists(st.sampled_from(["不", "丁"]), max_size=1))
    return Rule.model_validate(
        {
            "id": f"own.{name}",
            "title": draw(st.sampled_from(["示例", "另一例"])),
            "dimension": "normative",
            "family": "advertising",
            "severity": draw(st.sampled_from(["notice", "suspect"])),
            "basis": [
                {
                    "document": "甲",
                    "clause": "一",
                    "effective_to": draw(st.sampled_from([None, "2022-01-01"])),
                }
            ],
            "mend": "改。",
            "phrases": (*draw(PHRASES), draw(PHRASE) + "甲"),
            "patterns": draw(st.lists(PATTERN, max_size=1)),
            "anchors": draw(PHRASES),
            "allow": draw(PHRASES),
            "context": {
                "exclude": [{"label": "反", "words": [w], "window": 5} for w in exclude],
                "skip_titles": draw(st.booleans()),
            },
            "subjects": draw(st.sampled_from([(), ("历史",)])),
            "stages": draw(st.sampled_from([(), ("小学",)])),
            "parts": draw(st.sampled_from([(), (Part.PAGE,)])),
            "should_hit": ["甲"],
            "near_misses": ["乙"],
        }
    )


@st.composite
def packs(draw: st.DrawFn) -> RulePack:
    chosen = draw(st.sets(st.sampled_from("abcd")))
    made = tuple(draw(rules(name)) for name in sorted(chosen))
    return RulePack(id="own", version="1", rules=made)


@st.composite
def histories(draw: st.DrawFn) -> list[RulePack]:
    """Packs one after the other: each rule is kept, changed, added or removed; some come back."""
    history = [draw(packs())]
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            other, last = draw(packs()), history[-1]
            kept = {rule.id: rule for rule in last.rules if draw(st.booleans())}
            mixed = {rule.id: rule for rule in other.rules} | kept
            history.append(last.model_copy(update={"rules": tuple(mixed.values())}))
        else:
            history.append(draw(st.sampled_from(history)))
    return history


SUBJECT = st.sampled_from([None, "历史", "数学"])
STAGE = st.sampled_from([None, "小学", "初中"])
PART = st.sampled_from([None, Part.PAGE, Part.ATTACHMENT])
DAY = st.sampled_from([None, date(2021, 5, 1), date(2023, 5, 1)])


@settings(max_examples=80)
@given(histories(), st.lists(TEXT, min_size=1, max_size=4), st.data())
def test_rules_that_were_edited_say_what_they_say_from_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[RulePack],
    texts: list[str],
    data: st.DataObject,
) -> None:
    with AnswerStore(tmp_path_factory.mktemp("kept") / "a.db") as store:
        for pack in history:
            kept, fresh = KeptMatcher(pack, store), Matcher(pack)
            for text in data.draw(st.permutations(texts)):
                subject, stage = data.draw(SUBJECT), data.draw(STAGE)
                part, on = data.draw(PART), data.draw(DAY)
                assert kept.match(
                    text, subject=subject, stage=stage, part=part, on=on
                ) == fresh.match(text, subject=subject, stage=stage, part=part, on=on)


#: The place of the rule that is new to the pack.
ADDED = 3


def _editable(pack: RulePack) -> int:
    return next(i for i, rule in enumerate(pack.rules) if rule.phrases and not rule.subjects)


@pytest.fixture(scope="module")
def built_in() -> RulePack:
    return load_packs()


@pytest.fixture(scope="module")
def ordinary(built_in: RulePack) -> list[str]:
    """Some rules' own examples, with problems and without; all of those of the edited rules."""
    edited = (built_in.rules[ADDED], built_in.rules[_editable(built_in)])
    whole = [text for rule in edited for text in (*rule.should_hit, *rule.near_misses)]
    return [
        *whole,
        *(text for r in built_in.rules[::2] for text in (r.should_hit[0], r.near_misses[0])),
    ]


def _without(pack: RulePack, at: int) -> RulePack:
    return pack.model_copy(update={"rules": pack.rules[:at] + pack.rules[at + 1 :]})


def _with(pack: RulePack, at: int, **values: object) -> RulePack:
    changed = pack.rules[at].model_copy(update=values)
    # Digests are remembered with the rule; a copy has to count anew.
    changed = Rule.model_validate(changed.model_dump())
    return pack.model_copy(update={"rules": (*pack.rules[:at], changed, *pack.rules[at + 1 :])})


def _edits(pack: RulePack) -> dict[str, RulePack]:
    at = _editable(pack)
    rule = pack.rules[at]
    return {
        "added": pack,
        "removed": _without(pack, at),
        "phrase": _with(pack, at, phrases=(*rule.phrases, "同学们")),
        "allowed": _with(pack, at, allow=(*rule.allow, rule.should_hit[0][:30])),
        "subject": _with(pack, at, subjects=("数学",)),
        "severity": _with(pack, at, severity=Severity.NOTICE),
        "wording": _with(pack, at, mend="请改。"),
    }


@pytest.mark.parametrize(
    "edit", ["added", "removed", "phrase", "allowed", "subject", "severity", "wording"]
)
def test_the_built_in_rules_after_one_edit(
    store: AnswerStore, built_in: RulePack, ordinary: list[str], edit: str
) -> None:
    edited = _edits(built_in)[edit]
    before = KeptMatcher(_without(built_in, ADDED) if edit == "added" else built_in, store)
    first = [before.match(text, subject="数学") for text in ordinary]
    after, fresh = KeptMatcher(edited, store), Matcher(edited)
    second = [after.match(text, subject="数学") for text in ordinary]
    assert second == [fresh.match(text, subject="数学") for text in ordinary]
    if edit != "wording":
        assert _told(second) != _told(first)


def _told(hits: list[list[Hit]]) -> list[list[str]]:
    return [[repr(hit) for hit in of_text] for of_text in hits]


def _asks(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What matchers are made of, from now on."""
    made: list[list[str]] = []

    class Counted(Matcher):
        def __init__(self, pack: RulePack) -> None:
            made.append([rule.id for rule in pack.rules])
            super().__init__(pack)

    monkeypatch.setattr("audit.cache.matching.Matcher", Counted)
    return made


def test_only_rules_that_changed_are_asked(
    store: AnswerStore, built_in: RulePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = built_in.model_copy(update={"rules": built_in.rules[:5]})
    text = built_in.rules[0].should_hit[0]
    made = _asks(monkeypatch)
    KeptMatcher(small, store).match(text)
    KeptMatcher(small, store).match(text)
    assert made == [[rule.id for rule in small.rules]]
    KeptMatcher(_with(small, 2, phrases=("甲乙",)), store).match(text)
    assert made[1:] == [[small.rules[2].id]]
    KeptMatcher(_without(small, 2), store).match(text)
    KeptMatcher(_with(small, 1, mend="另改。"), store).match(text)
    assert made[2:] == [[small.rules[2].id]]


def test_rules_on_trial_leave_the_answers_of_those_in_force(
    store: AnswerStore, built_in: RulePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = built_in.model_copy(update={"rules": built_in.rules[:5]})
    text = built_in.rules[0].should_hit[0]
    made = _asks(monkeypatch)
    KeptMatcher(small, store).match(text)
    KeptMatcher(_with(small, 2, phrases=("甲乙",)), store, ON_TRIAL).match(text)
    assert made[1:] == [[small.rules[2].id]]
    KeptMatcher(small, store).match(text)
    assert len(made) == 2


def test_a_set_of_rules_that_was_forgotten_is_asked_whole(
    tmp_path: Path, built_in: RulePack
) -> None:
    path = tmp_path / "a.db"
    small = built_in.model_copy(update={"rules": built_in.rules[:5]})
    text = built_in.rules[0].should_hit[0]
    with AnswerStore(path) as store:
        former = KeptMatcher(small, store)
        former.match(text)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM kept WHERE key = ?", (former._set_key(former._set),))
    changed = _with(small, 2, phrases=("甲乙",))
    with AnswerStore(path) as store:
        assert KeptMatcher(changed, store).match(text) == Matcher(changed).match(text)


# Models


class Model:
    """A classifier that counts how often it is asked."""

    def __init__(self, family: str, digest: str) -> None:
        self.family, self.digest, self.asked = family, digest, 0

    def classify(self, text: str) -> Classification:
        self.asked += 1
        return Classification(len(text) / 100, Band.SUSPECT, (("词", 1.25),), 0, len(text))


def test_only_models_that_changed_are_asked(
    store: AnswerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(models: Sequence[Model], text: str) -> dict[str, Classification]:
        return {model.family: model.classify(text) for model in models}

    monkeypatch.setattr(classifying, "classify_all", ask)
    old, other, new = Model("a", "1"), Model("b", "1b"), Model("a", "2")
    first = classified([old, other], "一段话", store)  # type: ignore[list-item]
    assert classified([old, other], "一段话", store) == first  # type: ignore[list-item]
    assert classified([old, other], "一段话", None) == first  # type: ignore[list-item]
    assert classified([new, other], "一段话", store) == first  # type: ignore[list-item]
    assert (old.asked, other.asked, new.asked) == (2, 2, 1)

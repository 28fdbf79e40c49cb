"""A bureau's own list: shown on stored snapshots first, in force only when confirmed, undone whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from audit.records import keep_snapshot
from crawler.store import SnapshotStore
from models.tables import AuditEvent, Campaign, Crawl, Space
from models.vocabulary import Severity
from rules.lists import OWN_DOCUMENT, list_pack, read_list
from rules.matcher import Matcher
from rules.pack import load_packs
from service.config import load_config
from service.errors import ExitCode
from service.list_trial import TrialMatcher
from service.rulebook import rules_in_force
from service.workspace import database_session
from tests.commanding import Spaceaudit
from tests.judgement import line_of, page, snapshot_of
from tests.nomination_samples import GOOD, table, write_csv, write_xlsx
from tests.snapshots import AT, URL, manifest

WORDS = "示例补习社\n作爱\n# 说明\n云上冲分\n"
SAID = (
    "本空间推荐示例补习社的讲义，示例补习社名师云集",
    "同学们创作爱国诗歌",
    "请勿参加示例补习社的活动",
    "云上冲分，等你来",
)


@pytest.fixture
def stored(spaceaudit: Spaceaudit, tmp_path: Path) -> Spaceaudit:
    """An installation with one nominated space and its stored snapshot."""
    sheet = write_csv(tmp_path / "a.csv", table([GOOD]))
    assert spaceaudit("nominations", "import", str(sheet), "--campaign", "2022").code == 0
    whole = manifest(pages=(page(blocks=len(SAID)),))
    blocks = [line_of(text, 100 * (n + 1)) for n, text in enumerate(SAID)]
    with snapshot_of(tmp_path / "made", whole, {URL: blocks}):
        kept = SnapshotStore(load_config().store).put(tmp_path / "made" / "snapshot.wacz")
    with database_session(load_config()) as current:
        campaign = current.exec(select(Campaign)).one()
        space = current.exec(select(Space)).one()
        current.add(Crawl(id="c1", campaign_id=campaign.id or 0, started_at=AT, settings={}))
        current.flush()
        keep_snapshot(
            current, whole, space_id=space.id or 0, wacz=kept.name, digest=kept.digest, at=AT
        )
    return spaceaudit


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "名单.txt"
    path.write_bytes(WORDS.encode("gb18030"))
    return str(path)


# What a list may hold


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("的", "单个字"), ("人民", "日常用语"), ("国家", "日常用语"), ("网络", "日常用语"),
        ("ab", "字母或数字少于"), ("123", "字母或数字少于"), ("……", "没有可以匹配的字"),
        ("\u200b", "没有可以匹配的字"), ("长" * 41, "不像词语"),
    ],
)  # fmt: skip
def test_what_would_flag_everything_is_refused_with_its_reason(word: str, why: str) -> None:
    read = read_list([(7, (word,))], basis="甲")
    assert read.entries == []
    [refused] = read.refused
    assert (refused.number, refused.word) == (7, word)
    assert why in refused.why


def test_columns_are_found_by_their_headings_in_any_order() -> None:
    rows = [
        (1, ("依据", "词", "级别", "类别")),
        (2, ("某县通知第三条", "示例补习社", "严重", "有偿补课")),
        (3, ("", "云上冲分", "", "advertising")),
        (4, ("", "坏词一", "致命", "有偿补课")),
        (5, ("", "坏词二", "", "没有的类")),
        (6, ("", "云 上冲分", "", "有偿补课")),
        (7, ("", "云上冲分", "", "有偿补课")),
    ]
    read = read_list(rows, basis="名单.xlsx（2022-09-01 导入）")
    assert [(e.number, e.phrase, e.family, e.severity, e.basis) for e in read.entries] == [
        (2, "示例补习社", "tutoring", Severity.SERIOUS, "某县通知第三条"),
        (3, "云上冲分", "advertising", Severity.SUSPECT, "名单.xlsx（2022-09-01 导入）"),
        (6, "云 上冲分", "tutoring", Severity.SUSPECT, "名单.xlsx（2022-09-01 导入）"),
    ]
    assert [(each.number, each.why.split("；")[0]) for each in read.refused] == [
        (4, "没有级别“致命”"),
        (5, "没有类别“没有的类”"),
        (7, "与第 3 行重复"),
    ]


def test_a_frequent_word_is_taken_with_a_warning() -> None:
    read = read_list([(1, ("打架",)), (2, ("示例补习社",))], basis="甲")
    assert [entry.phrase for entry in read.entries] == ["打架", "示例补习社"]
    assert [warned.number for warned in read.warned] == [1]


def test_a_lists_rules_are_rules_like_others() -> None:
    read = read_list([(1, ("示例补习社",))], basis="甲")
    pack = list_pack("own", "3", read.entries)
    [rule] = pack.rules
    assert (rule.id, str(rule.basis[0])) == ("local.own.wording.1", f"《{OWN_DOCUMENT}》甲")
    matcher = Matcher(pack)
    assert [hit.text for hit in matcher.match("加入示例补习社")] == ["示例补习社"]
    assert [hit.text for hit in matcher.match("示·例·补·习·社")] == ["示·例·补·习·社"]
    assert matcher.match("请勿参加示例补习社") == []
    with pytest.raises(ValueError, match="no entry"):
        list_pack("own", "3", [])


def test_a_trial_counts_what_stands_and_what_falls() -> None:
    entries = read_list([(1, ("作爱",)), (2, ("示例补习社",))], basis="甲").entries
    matcher = TrialMatcher(list_pack("own", "1", entries), entries)
    matcher.space = "s1"
    for text in ("创作爱国诗", "示例补习社", "请勿参加示例补习社"):
        matcher.match(text)
    crossing, club = matcher.trial.phrases["作爱"], matcher.trial.phrases["示例补习社"]
    assert (crossing.raw, crossing.crossing, crossing.hits) == (1, 1, 0)
    assert (club.raw, club.hits, club.softened, club.spaces) == (2, 1, 1, {"s1"})
    assert club.examples == [("s1", "【示例补习社】")]
    assert club.warning(100_000) == ""
    club.hits = 30
    assert "每万字命中 3.0 处" in club.warning(100_000)


# Before it acts, and after


def test_a_list_is_shown_on_stored_snapshots_and_changes_nothing(
    stored: Spaceaudit, words: str
) -> None:
    before = rules_in_force(load_config().home).digest
    tried = stored("rules", "try", "--list", words, "--json")
    assert tried.code == 0, tried.err
    shown = tried.document
    assert (shown["snapshots"], shown["characters"]) == (1, sum(map(len, SAID)))
    by_word = {each["phrase"]: each for each in shown["phrases"]}
    club = by_word["示例补习社"]
    assert (club["hits"], club["by_context"], club["spaces"]) == (2, 1, [shown_space(stored)])
    assert "【示例补习社】" in club["examples"][0]["context"]
    assert (by_word["作爱"]["raw"], by_word["作爱"]["crossing_words"]) == (1, 1)
    assert by_word["作爱"]["hits"] == 0
    assert rules_in_force(load_config().home).digest == before
    told = stored("rules", "import", words)
    assert told.code == 0
    assert "--confirm" in told.err
    assert rules_in_force(load_config().home).digest == before


def shown_space(spaceaudit: Spaceaudit) -> str:
    code: str = spaceaudit("report", "--campaign", "2022", "--format", "json").document["spaces"][
        0
    ]["space"]
    return code


def test_a_word_that_flags_lessons_is_named(spaceaudit: Spaceaudit, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("毒品\n赌博\n", encoding="utf-8")
    shown = spaceaudit("rules", "try", "--list", "words.txt", "--json").document
    assert all(each["lessons"] > 0 and each["warning"] for each in shown["phrases"])


def test_a_confirmed_list_is_in_force_until_it_is_removed(stored: Spaceaudit, words: str) -> None:
    home, built_in = load_config().home, load_packs().digest
    made = stored("rules", "import", words, "--name", "county", "--confirm", "--json").document
    assert made["in_force"] is True
    pack = rules_in_force(home)
    assert pack.digest != built_in
    assert pack.rule("local.county.wording.1").phrases == ("示例补习社", "作爱", "云上冲分")
    assert "名单.txt（" in pack.rule("local.county.wording.1").basis[0].clause
    assert stored("rules", "digest").out.strip() == pack.digest
    again = stored("rules", "import", words, "--name", "county", "--confirm")
    assert "第 2 版" in again.out
    exported = stored("rules", "export", "county", "--out", "out.csv")
    assert exported.code == 0
    assert stored("rules", "import", "out.csv", "--json").document["taken"] == 3
    assert stored("rules", "remove", "county").code == 0
    assert rules_in_force(home).digest == built_in
    assert len(list((home / "rules" / "history").iterdir())) == 2
    with database_session(load_config()) as current:
        events = current.exec(select(AuditEvent).order_by(AuditEvent.seq)).all()  # type: ignore[arg-type]
        told = [(each.action, each.subject) for each in events if "rules." in each.action]
    assert told == [
        ("rules.imported", "list county"),
        ("rules.imported", "list county"),
        ("rules.removed", "list county"),
    ]


def test_refused_rows_are_named_and_the_rest_is_taken(
    spaceaudit: Spaceaudit, tmp_path: Path
) -> None:
    rows = [["词", "类别"], ["人民", "有偿补课"], ["示例补习社", "有偿补课"]]
    write_xlsx(tmp_path / "words.xlsx", {"一": rows})
    said = spaceaudit("rules", "import", "words.xlsx", "--confirm", "--json")
    assert said.code == ExitCode.FELL_SHORT
    assert [(each["row"], each["word"]) for each in said.document["refused"]] == [(2, "人民")]
    assert said.document["in_force"] is True


def test_a_list_is_tried_on_a_file_in_the_shape_of_the_contract(
    spaceaudit: Spaceaudit, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("示例补习社\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"text": "加入示例补习社"}\n', encoding="utf-8")
    said = spaceaudit("rules", "try", "a.jsonl", "--list", "words.txt", "--json").document
    assert said["findings"] == [
        {
            "rule": "local.trial.wording.1", "dimension": "normative", "family": "wording",
            "severity": "suspect", "text": "示例补习社", "start": 2, "end": 7,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rules", "try", "--list", "none.txt"), "there is no file none.txt"),
        (("rules", "import", "empty.txt"), "is empty"),
        (("rules", "import", "good.txt", "--name", "甲"), "cannot name a list"),
        (("rules", "remove", "none"), "there is no list none"),
        (("rules", "export", "none"), "there is no list none"),
        (("rules", "try"), "no file was named"),
        (("rules", "try", "--list", "bad.txt"), "every row of bad.txt was refused"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    spaceaudit: Spaceaudit, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    for name, text in (("empty.txt", "\n"), ("good.txt", "示例补习社"), ("bad.txt", "人民")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = spaceaudit(*arguments)
    assert said.code == ExitCode.USAGE
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_damaged_pack_of_this_installation_is_named_with_its_line(
    spaceaudit: Spaceaudit, tmp_path: Path
) -> None:
    folder = load_config().home / "rules"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("id: a\nversion: '1'\nrules:\n  - id: a.b\n", encoding="utf-8")
    said = spaceaudit("rules", "list")
    assert said.code == ExitCode.USAGE
    assert "own.yaml:4: rule a.b" in said.err

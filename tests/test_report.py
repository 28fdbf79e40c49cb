"""The report, the case and the decisions on the command line, on rows of an invented campaign."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from models.database import migrate, open_engine, session
from models.tables import AuditEvent, Campaign, Decision, Finding
from service.case import case_report, load_case
from service.cli import run
from service.commands import case as case_command
from service.commands import report as report_command
from service.errors import UserError
from service.report import Report, build_report
from service.report_csv import COLUMNS, report_csv, safe_cell
from service.wording import masked, size_text
from tests.factories import AUDITOR, CAMPAIGN, PLANTED, Made, add_campaign, make_desk


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database that the commands open too."""
    monkeypatch.setenv("SPACEAUDIT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    engine = open_engine(f"sqlite:///{tmp_path / 'spaceaudit.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def made(engine: Engine) -> Made:
    return make_desk(engine)


def built(made: Made, only: set[str] | None = None) -> Report:
    with session(made.desk.engine) as current:
        return build_report(current, made.desk, current.exec(select(Campaign)).one(), only)


def test_the_report_has_the_fields_of_the_contract(made: Made) -> None:
    add_campaign(made, spaces=1)
    document = json.loads(built(made).model_dump_json())
    assert set(document) == {"campaign", "generated_at", "policy", "rule_pack", "spaces"}
    assert document["generated_at"].endswith("Z")
    assert set(document["rule_pack"]) == {"id", "version", "digest"}
    space = document["spaces"][0]
    assert {"space", "url", "teacher", "school", "county", "snapshot", "visibility"} < set(space)
    assert set(space["snapshot"]) == {"id", "taken_at", "wacz", "digest"}
    assert space["visibility"] == {
        "state": "public",
        "reasons": [{"code": "ok", "evidence": "页面正常打开,有 11 段文字"}],
        "attempts": 1,
        "robots_authority": "",
    }
    assert set(space["resources"][0]) >= {"url", "kind", "openness", "reason", "bytes", "sha256"}
    assert set(space["findings"][0]) == {
        "id",
        "fingerprint",
        "rule",
        "dimension",
        "family",
        "severity",
        "where",
        "text",
        "context",
        "explanation",
        "basis",
        "state",
        "masked",
    }
    assert set(space["findings"][0]["where"]) == {"url", "part", "locator"}
    assert space["coverage"]["pages"] == {"found": 3, "screened": 3}
    assert space["coverage"]["resources"] == {"found": 5, "screened": 2}
    assert space["coverage"]["images"] == {"found": 3, "screened": 0}
    assert space["coverage"]["complete"] is False
    assert set(space["coverage"]["not_screened"][0]) == {"what", "reason"}
    assert {"state", "reasons", "serial", "valid_until"} < set(space["verdict"])


def test_findings_carry_the_exact_words_the_gravest_first(made: Made) -> None:
    add_campaign(made, spaces=1)
    found = built(made).spaces[0].findings
    assert {each.text for each in found} == {each.text for each in PLANTED}
    ranks = [each.severity.rank for each in found]
    assert ranks == sorted(ranks, reverse=True)


def test_what_does_not_exist_is_null_and_never_complete(made: Made) -> None:
    add_campaign(made, spaces=1, crawled=False)
    space = built(made).spaces[0]
    assert (space.snapshot, space.visibility, space.verdict) == (None, None, None)
    assert space.coverage.complete is False


def test_as_many_queries_for_forty_spaces_as_for_two(made: Made) -> None:
    add_campaign(made, spaces=40)
    counts = []
    statements: list[str] = []

    @event.listens_for(made.desk.engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    for only in ({"s001", "s002"}, None):
        statements.clear()
        built(made, only)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 15


def test_only_some_spaces_and_a_wrong_name(made: Made) -> None:
    add_campaign(made, spaces=3)
    assert [each.space for each in built(made, {"s002"}).spaces] == ["s002"]
    with pytest.raises(UserError, match="no space s999"):
        built(made, {"s002", "s999"})


def test_the_csv_opens_in_excel_and_runs_nothing(made: Made) -> None:
    add_campaign(made, spaces=8)
    content = report_csv(built(made))
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0] == list(COLUMNS)
    assert {len(row) for row in rows} == {len(COLUMNS)}
    first = dict(zip(COLUMNS, rows[1], strict=True))
    assert (first["编号"], first["严重线索数"], first["资源已查"]) == ("s001", "1", "2 / 5")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+8613", "'+8613"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        (7, "7"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(value: object, cell: str) -> None:
    assert safe_cell(value) == cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13900001234。", "电话1390*******。"),
        ("139-0000-1234", "139-*********"),
        ("110101199003078515", "1101**************"),
        ("11010119900307851X", "1101**************"),
        ("订单号 2022091012345678901234", "订单号 2022091012345678901234"),
        ("12900001234", "12900001234"),
        ("2022年9月10日", "2022年9月10日"),
        ("１３９００００１２３４", "１３９０*******"),
        ("+86 13900001234", "+86 ***********"),
        ("350502 20100307 1236", "3505****************"),
        ("卡号 6222 0202 0011 2233 446", "卡号 6222*******************"),
        ("出生日期：2010年3月7日", "出生日期：2010*****"),
        ("电话一三九零零零零一二三四", "电话一三九零*******"),
        ("学籍号：G35050220100307", "学籍号：G350***********"),
        ("家庭住址：示例区清源街道某小区3号楼,电话无", "家庭住址：示例区清*********,电话无"),
        ("微信1.3.9.0.0.0.0.1.2.3.4", "微信1.3.*****************"),
        ("住址共有两处", "住址共有两处"),
        ("书号 9787506249121", "书号 9787506249121"),
        ("圆周率 3.14159265358979", "圆周率 3.14159265358979"),
    ],
)
def test_personal_numbers_are_half_hidden_and_others_are_not(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert len(masked(text)) == len(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (5 * 1024 * 1024, "5.0 MB")],
)
def test_sizes_for_people(size: int | None, text: str) -> None:
    assert size_text(size) == text


def test_the_case_as_data_adds_access_decisions_and_verdicts(made: Made) -> None:
    add_campaign(made, spaces=5)
    with session(made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        found = load_case(current, made.desk, campaign, "s005")
        document = json.loads(case_report(current, made.desk, found).model_dump_json())
    assert [each["outcome"] for each in document["access"]["attempts"]] == ["login_redirect"] * 2
    assert document["access"]["attempts"][0]["plain"]["outcome"] == "login_redirect"
    assert document["verdict"]["state"] == "rejected"
    assert [each["space"] for each in document["verdicts"]] == ["s005"]
    assert document["decisions"] == []


def test_by_whose_consent_robots_txt_was_passed_is_in_every_output(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    add_campaign(made, spaces=2)
    authority = "示例教育局〔2022〕1号"
    for wacz, manifest in list(made.snapshots.manifests.items()):
        if manifest.space == "s001":
            changed = manifest.model_copy(update={"robots_authority": authority})
            made.snapshots.manifests[wacz] = changed
    report = built(made)
    shown = {s.space: s.visibility.robots_authority for s in report.spaces if s.visibility}
    assert shown == {"s001": authority, "s002": ""}
    assert report_csv(report).decode("utf-8-sig").count(authority) == 1
    report_command._print(report)
    assert f"{authority}(1 个空间)" in capsys.readouterr().out
    with session(made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        found = load_case(current, made.desk, campaign, "s001")
        assert case_report(current, made.desk, found).access.robots_authority == authority
        case_command._print(found)
    assert f"经书面同意后访问:{authority}" in capsys.readouterr().out


# The commands, in the same process: their database is the fixture's, their rules the product's own.


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_report_writes_json_csv_and_a_table(
    made: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    add_campaign(made, spaces=3)
    document = json.loads(said(capsys, "report", "-c", CAMPAIGN, "--format", "json"))
    assert [each["space"] for each in document["spaces"]] == ["s001", "s002", "s003"]
    # The product's rules are not those the verdicts were made by.
    assert {each["verdict"]["state"] for each in document["spaces"]} == {"stale"}
    table = said(capsys, "report", "-c", CAMPAIGN)
    assert "已过期 3" in table
    target = tmp_path / "out.csv"
    assert said(capsys, "report", "-c", CAMPAIGN, "--format", "csv", "--out", str(target)) == ""
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")


def test_case_shows_a_space_and_masks_numbers_unless_asked_not_to(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    add_campaign(made, spaces=1)
    shown = said(capsys, "case", "s001", "-c", CAMPAIGN)
    assert "1390*******" in shown
    assert "13900001234" not in shown
    case = ("case", "s001", "-c", CAMPAIGN, "--json")
    report = ("report", "-c", CAMPAIGN, "--format", "json")
    table = ("report", "-c", CAMPAIGN, "--format", "csv")
    for hidden in (said(capsys, *case), said(capsys, *report, "--masked")):
        assert "13900001234" not in hidden
        assert "1390*******" in hidden
        assert '"masked": true' in hidden
    assert "13900001234" not in said(capsys, *table)
    # What other programs match findings by has the exact characters, and that is logged.
    for whole in (said(capsys, *case, "--unmasked"), said(capsys, *report)):
        assert "13900001234" in whole
    with session(made.desk.engine) as current:
        events = current.exec(select(AuditEvent).where(AuditEvent.action == "unmasked")).all()
        assert [each.details["what"] for each in events] == ["case s001", "report"]


def test_decide_on_a_finding_and_take_it_back(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    add_campaign(made, spaces=1)
    with session(made.desk.engine) as current:
        finding = current.exec(select(Finding.id)).first() or ""
    said(capsys, "decide", finding, "--confirm", "--reason", "violation", "--as", AUDITOR)
    feed = json.loads(said(capsys, "verdicts", "--after", "1", "--json"))
    assert [(each["serial"], each["decided_by"]) for each in feed] == [(2, "person")]
    assert "finding_confirmed" in {each["code"] for each in feed[0]["reasons"]}
    said(capsys, "decide", finding, "--undo", "--reason", "mistake", "--as", AUDITOR)
    with session(made.desk.engine) as current:
        assert len(current.exec(select(Decision)).all()) == 2


def test_decide_on_a_whole_space(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    add_campaign(made, spaces=2)
    order = ("--space", "s002", "-c", CAMPAIGN, "--confirm", "--reason", "unfit", "--as", AUDITOR)
    said(capsys, "decide", *order)
    feed = json.loads(said(capsys, "verdicts", "--after", "2", "--json"))
    assert [(each["space"], each["state"]) for each in feed] == [("s002", "rejected")]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("report", "-c", "1999"), "no campaign 1999"),
        (("report", "-c", CAMPAIGN, "--only", "s9"), "no space s9"),
        (("case", "s9", "-c", CAMPAIGN), "no space s9"),
        (("decide", "x", "--confirm", "--reason", "violation", "--as", AUDITOR), "no finding x"),
        (("decide", "--confirm", "--reason", "unfit", "--as", AUDITOR), "finding or on a space"),
        (
            ("decide", "x", "--confirm", "--dismiss", "--reason", "unfit", "--as", AUDITOR),
            "one of --confirm",
        ),
        (
            ("decide", "--space", "s001", "--confirm", "--reason", "unfit", "--as", AUDITOR),
            "known by its campaign",
        ),
        (
            ("decide", "fd_sc0_0", "--dismiss", "--reason", "violation", "--as", AUDITOR),
            "is no reason to dismiss",
        ),
        (("decide", "fd_sc0_0", "--dismiss", "--reason", "lawful", "--as", "nobody"), "no user"),
        (("serve", "--host", "0.0.0.0"), "not a loopback address"),
        (("serve", "--as", "nobody", "--port", "0"), "no user nobody"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_changes_nothing(
    made: Made, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    add_campaign(made, spaces=1)
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert problem in told.err
    assert "hint: " in told.err
    assert told.out == ""
    with session(made.desk.engine) as current:
        assert current.exec(select(Decision)).all() == []

"""The main job on the running sample platform, by the command itself: once, again, and killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.browser import Browser
from crawler.store import SnapshotStore
from crawler.verification import flaws
from models.audit_log import broken_links
from models.vocabulary import PageKind, VerdictState, Visibility
from service.workspace import database_session
from tests.platform import (
    CAMPAIGN,
    Installation,
    nomination_sheet,
    running_platform,
    wait_until,
)
from tests.sample_site import site_folder

pytestmark = pytest.mark.browser

#: The spaces of the main run, and what is measured of each.
SPACES = {
    "s006": Visibility.PUBLIC,
    "s013": Visibility.PARTIAL,
    "s015": Visibility.LOGIN,
    "s016": Visibility.PASSWORD,
    "s018": Visibility.HIDDEN,
    "s020": Visibility.MISSING,
    "s023": Visibility.PUBLIC,
    "s028": Visibility.PUBLIC,
}
#: Of the killed runs: two are done soon, one takes its time.
KILLED = ("s015", "s018", "s024")


@pytest.fixture(scope="module")
def platform(browser_executable: Browser) -> Iterator[str]:
    with running_platform() as address:
        yield address


@pytest.fixture(scope="module")
def sheet(platform: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nomination_sheet(tmp_path_factory.mktemp("sheet"), platform)


def audit(
    installation: Installation, sheet: Path, *spaces: str
) -> subprocess.CompletedProcess[str]:
    return installation.run(*audit_command(sheet, *spaces), "--json")


def audit_command(sheet: Path, *spaces: str) -> list[str | Path]:
    only = [word for space in spaces for word in ("--only", space)]
    return ["audit", sheet, *CAMPAIGN, "--profile", "sample", *only]


@pytest.fixture(scope="module")
def audited(platform: str, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A campaign audited once; no test changes it."""
    installation = Installation(tmp_path_factory.mktemp("audited") / "home", platform)
    said = audit(installation, sheet, *SPACES)
    assert said.returncode == 0, said.stderr
    assert sorted(json.loads(said.stdout)["crawl"]["visited"]) == sorted(SPACES)
    return installation


@pytest.fixture
def copied(audited: Installation, tmp_path: Path) -> Installation:
    """The same campaign, to be tampered with."""
    shutil.copytree(audited.home, tmp_path / "home")
    return Installation(tmp_path / "home", audited.platform)


@pytest.fixture
def fresh(audited: Installation, tmp_path: Path) -> Installation:
    """A new installation that has its models already."""
    shutil.copytree(audited.home / "models", tmp_path / "home" / "models")
    return Installation(tmp_path / "home", audited.platform)


# Once


def test_every_space_gets_one_snapshot_and_one_verdict(audited: Installation) -> None:
    query = "SELECT space.code, snapshot.visibility FROM snapshot JOIN space ON space.id = space_id"
    assert sorted(audited.rows(query)) == sorted(SPACES.items())
    query = "SELECT space.code, verdict.state FROM verdict JOIN space ON space.id = space_id"
    states = audited.rows(query)
    assert sorted(str(code) for code, _ in states) == sorted(SPACES)
    closed = {code for code, measured in SPACES.items() if measured is not Visibility.PUBLIC}
    not_public = {state for code, state in states if code in closed}
    assert not_public == {VerdictState.REJECTED}
    assert not {state for _, state in states} & {VerdictState.STALE, VerdictState.UNDETERMINED}


def test_the_report_says_what_was_found(audited: Installation) -> None:
    said = audited.run("report", *CAMPAIGN, "--format", "json")
    spaces = {s["space"]: s for s in json.loads(said.stdout)["spaces"] if s["snapshot"]}
    assert spaces.keys() == SPACES.keys()
    for code, space in spaces.items():
        assert space["visibility"]["state"] == SPACES[code]
        assert space["visibility"]["reasons"], code
        assert space["verdict"]["reasons"], code
    assert any(space["findings"] for space in spaces.values())


def test_nothing_is_left_running_or_half_made(audited: Installation) -> None:
    assert wait_until(lambda: not audited.processes(), 15), audited.processes()
    assert_whole(audited, *SPACES)


def assert_whole(installation: Installation, *spaces: str) -> None:
    """Each space has one snapshot, that is sound, and nothing else is in the store."""
    query = """SELECT space.code, snapshot.wacz FROM snapshot JOIN space ON space.id = space_id"""
    rows = installation.rows(query)
    assert sorted(str(code) for code, _ in rows) == sorted(spaces)
    store = installation.home / "snapshots"
    kept = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    assert kept == {wacz for _, wacz in rows}
    assert not [str(flaw) for path in installation.stored() for flaw in flaws(path)]
    assert not [left for work in installation.home.glob("crawls/*/work") for left in work.iterdir()]
    assert not list(installation.home.rglob("*.part"))
    assert installation.rows("SELECT count(*) FROM crawl WHERE finished_at IS NULL") == [(0,)]


# Again


def test_running_again_visits_nothing_and_changes_nothing(
    copied: Installation, sheet: Path
) -> None:
    before, stored = copied.counts(), copied.stored()
    said = audit(copied, sheet, *SPACES)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["crawl"] == {"crawl": None, "visited": [], "failed": []}
    after = copied.counts()
    # That the sheet was read again is an event, and the only one.
    assert after.pop("auditevent") == before.pop("auditevent") + 1
    assert (after, copied.stored()) == (before, stored)


def test_screening_again_would_change_nothing(copied: Installation) -> None:
    before = copied.counts()
    said = copied.run("screen", *CAMPAIGN, "--dry-run", "--json")
    assert said.returncode == 0, said.stderr
    differences = json.loads(said.stdout)
    assert sorted(each["space"] for each in differences) == sorted(SPACES)
    assert [(each["new"], each["gone"]) for each in differences] == [([], [])] * len(SPACES)
    assert sum(each["same"] for each in differences) > 0
    assert copied.counts() == before


def test_a_visit_anew_is_a_snapshot_more_and_says_the_same(copied: Installation) -> None:
    said = copied.run("crawl", *CAMPAIGN, "--only", "s028", "--json")
    assert said.returncode == 0, said.stderr
    query = """SELECT DISTINCT content_digest FROM snapshot JOIN space ON space.id = space_id
        WHERE code = 's028'"""
    assert len(copied.rows(query)) == 1
    assert copied.counts()["snapshot"] == len(SPACES) + 1
    # Only the home page was rendered again, and what the others showed is in the first snapshot.
    [[newest]] = copied.rows("SELECT wacz FROM snapshot ORDER BY taken_at DESC LIMIT 1")
    with SnapshotStore(str(copied.home / "snapshots")).reader(str(newest)) as reader:
        pages, earlier = reader.manifest.pages, reader.manifest.earlier
    assert [page.kind for page in pages if page.unchanged_since is None] == [PageKind.HOME]
    assert len(pages) > 1
    assert len(earlier) == 1
    said = copied.run("verify", *CAMPAIGN, "--json")
    assert json.loads(said.stdout)["broken"] == []


# Killed


@pytest.mark.parametrize("victim", ["the command", "its crawl"])
def test_a_killed_run_is_finished_by_the_same_command(
    victim: str, fresh: Installation, sheet: Path
) -> None:
    with fresh.start(*audit_command(sheet, *KILLED)) as process:
        assert wait_until(fresh.crawls, 60), "no crawl was started"
        if victim == "the command":
            # What its crawl stores from now on is recorded by nobody.
            process.send_signal(signal.SIGSTOP)
        assert wait_until(fresh.receipts, 60), "no visit was finished"
        if victim == "the command":
            process.kill()
        else:
            fresh.kill_crawl()
        _, complaint = process.communicate()
    assert len(fresh.receipts()) < len(KILLED), "it was killed too late to tell anything"
    if victim == "its crawl":
        assert process.returncode == 1
        assert "run the same command again" in complaint.replace("\n", " ")
        assert "Traceback" not in complaint
    assert wait_until(lambda: not fresh.processes(), 15), fresh.processes()
    assert not [str(flaw) for path in fresh.stored() for flaw in flaws(path)]

    finished = {json.loads(path.read_text())["space"] for path in fresh.receipts()}

    said = audit(fresh, sheet, *KILLED)
    assert said.returncode == 0, said.stderr
    assert sorted(json.loads(said.stdout)["crawl"]["visited"]) == sorted(set(KILLED) - finished)
    assert_whole(fresh, *KILLED)
    query = "SELECT space.code FROM verdict JOIN space ON space.id = space_id"
    assert sorted(str(code) for (code,) in fresh.rows(query)) == sorted(KILLED)
    assert fresh.rows("SELECT count(*) FROM crawl") == [(1,)]
    assert broken_rows(fresh) == []


# Verified


def test_verify_finds_nothing_wrong(audited: Installation) -> None:
    said = audited.run("verify", *CAMPAIGN, "--json")
    assert said.returncode == 0, said.stdout
    document = json.loads(said.stdout)
    assert (document["checked"], document["broken"]) == (len(SPACES), [])
    said = audited.run("verify", audited.stored()[0])
    assert said.returncode == 0, said.stdout


def test_verify_names_the_file_and_the_record_of_a_flipped_byte(copied: Installation) -> None:
    [(wacz,)] = copied.rows(
        "SELECT wacz FROM snapshot JOIN space ON space.id = space_id WHERE code = 's006'"
    )
    path = copied.home / "snapshots" / str(wacz)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    said = copied.run("verify", *CAMPAIGN)
    assert said.returncode == 1
    assert path.name in said.stdout
    assert "archive/data.warc.gz, record <urn:uuid:" in said.stdout


def test_verify_misses_a_snapshot_that_is_gone_or_another(copied: Installation) -> None:
    first, second, *_ = copied.stored()
    second.write_bytes(first.read_bytes())
    first.unlink()
    said = copied.run("verify", *CAMPAIGN)
    assert said.returncode == 1
    lines = [line for line in said.stdout.splitlines() if ".wacz" in line]
    assert len(lines) == 2
    assert any(first.name in line and "has no" in line for line in lines)
    assert any(second.name in line and "not the file that was recorded" in line for line in lines)


TAMPERINGS = [
    ("UPDATE auditevent SET actor = 'nobody' WHERE seq = 5", "auditevent:5"),
    ("DELETE FROM auditevent WHERE seq = 5", "auditevent:6"),
    ("UPDATE verdict SET state = 'eligible' WHERE serial = 2", "verdict:"),
    ("UPDATE decision SET action = 'dismiss'", "decision:"),
    ("DELETE FROM decision", "decision:"),
    ("UPDATE snapshot SET visibility = 'public' WHERE visibility = 'login'", "snapshot:"),
]


@pytest.fixture(scope="module")
def decided(audited: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The campaign with a person's word on one space."""
    home = tmp_path_factory.mktemp("decided") / "home"
    shutil.copytree(audited.home, home)
    installation = Installation(home, audited.platform)
    said = installation.run("user", "add", "wang", "--role", "city_staff")
    assert said.returncode == 0, said.stderr
    said = installation.run(
        "decide", "--space", "s028", *CAMPAIGN, "--confirm", "--reason", "unfit", "--as", "wang"
    )
    assert said.returncode == 0, said.stderr
    assert broken_rows(installation) == []
    return installation


def broken_rows(installation: Installation) -> list[str]:
    with database_session(installation.config()) as session:
        return [link.row for link in broken_links(session)]


@pytest.mark.parametrize(("statement", "row"), TAMPERINGS)
def test_verify_names_the_row_that_was_changed(
    statement: str, row: str, decided: Installation, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(decided.home, home)
    installation = Installation(home, decided.platform)
    assert installation.change(statement) >= 1
    broken = broken_rows(installation)
    assert any(link.startswith(row) for link in broken), broken


def test_verify_ends_in_one_for_a_row_that_was_changed(
    decided: Installation, tmp_path: Path
) -> None:
    shutil.copytree(decided.home, tmp_path / "home")
    installation = Installation(tmp_path / "home", decided.platform)
    installation.change("UPDATE verdict SET state = 'eligible' WHERE state = 'rejected'")
    said = installation.run("verify", *CAMPAIGN)
    assert said.returncode == 1
    assert "verdict:" in said.stdout
    assert "its values are not those recorded in auditevent:" in said.stdout


# Tried


def test_a_profile_is_tried_on_one_address(audited: Installation, tmp_path: Path) -> None:
    address = f"{audited.platform}/space/s028"
    said = audited.run("profile", "test", address, "--profile", "sample", "--json")
    assert said.returncode == 0, said.stderr
    manifest = json.loads(said.stdout)
    assert (manifest["visibility"], manifest["url"]) == (Visibility.PUBLIC, address)
    assert {page["kind"] for page in manifest["pages"]} >= {"home", "list", "article"}


def assert_told_plainly(complaint: str) -> None:
    """One sentence what, and at most one what to do."""
    lines = complaint.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2


def test_rules_are_tried_on_a_file(audited: Installation) -> None:
    document = next((site_folder() / "files").rglob("*.docx"))
    said = audited.run("rules", "try", document, "--json")
    assert said.returncode == 0, said.stderr
    [found] = [json.loads(line) for line in said.stdout.splitlines()]
    assert found["input"] == str(document)
    assert found["chars"] > 0
    for hit in found["findings"]:
        assert hit["end"] - hit["start"] == len(hit["text"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("rules", "try", "no-such-file.docx"),
        ("verify", "no-such-file.wacz"),
        ("audit", "wrong.xlsx", *CAMPAIGN),
    ],
)
def test_a_wrong_word_ends_in_two_and_is_told_plainly(
    arguments: tuple[str, ...], copied: Installation
) -> None:
    (copied.home.parent / "wrong.xlsx").write_bytes(b"no workbook")
    before = copied.counts()
    said = copied.run(*arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert_told_plainly(said.stderr)
    assert copied.counts() == before

"""``spaceaudit export notices``: a zip with a PDF each and a list, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from models.database import migrate, open_engine, session
from models.review_tables import Notice, NoticeItem
from models.vocabulary import NoticeState
from service.cli import run
from service.commands.export import INDEX
from service.notice_links import renew_link
from service.seals import load_sealer
from tests.factories import CAMPAIGN, NOW, add_campaign, make_desk


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a campaign, and one notice in it."""
    monkeypatch.setenv("SPACEAUDIT_HOME", str(tmp_path))
    monkeypatch.setenv("SPACEAUDIT_DATABASE_URL", f"sqlite:///{tmp_path / 'test.db'}")
    monkeypatch.setenv("SPACEAUDIT_PUBLIC_URL", "https://audit.example.test")
    monkeypatch.setattr("service.commands.export.print_page", lambda _browser, html: html.encode())
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    add_campaign(make_desk(engine), spaces=2)
    with session(engine) as current:
        notice = Notice(
            id="nt_1",
            campaign_id=1,
            space_id=2,
            number=1,
            state=NoticeState.SENT,
            issued_by_id=1,
            issued_at=NOW,
            due_at=NOW,
        )
        current.add(notice)
        current.flush()
        renew_link(load_sealer(tmp_path), notice, NOW)
        current.add(
            NoticeItem(notice_id="nt_1", what="<b>示例</b>", where="x", basis="依据", mend="请改")
        )
    engine.dispose()
    return tmp_path


def test_every_notice_is_a_file_with_its_link_and_a_line_of_the_list(home: Path) -> None:
    bundle = home / "notices.zip"
    assert run(["export", "notices", "--campaign", CAMPAIGN, "--out", str(bundle)]) == 0
    with zipfile.ZipFile(bundle) as opened:
        assert set(opened.namelist()) == {"001-s002.pdf", INDEX}
        paper = opened.read("001-s002.pdf").decode()
        listed = list(csv.reader(io.StringIO(opened.read(INDEX).decode("utf-8-sig"))))
    assert "https://audit.example.test/mend/nt_1." in paper
    assert "&lt;b&gt;示例" in paper
    assert listed[1][:4] == ["1", "s002", "甲县", "甲县第三中学"]
    assert listed[1][7] == "是"


def test_an_unknown_campaign_writes_nothing(home: Path) -> None:
    assert run(["export", "notices", "--campaign", "none", "--out", str(home / "x.zip")]) == 2
    assert not (home / "x.zip").exists()

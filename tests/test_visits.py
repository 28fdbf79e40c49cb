"""Which crawl a run goes on with: the one that was broken off, and not one that is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from models.database import migrate, open_engine, session
from models.tables import Campaign, Crawl, Snapshot, Space
from models.vocabulary import Visibility
from service.config import Config
from service.nominations import NominatedSpace
from service.visits import _order
from service.workbench import Workbench

NOW = datetime(2022, 9, 1, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(opened)
    with session(opened) as current:
        current.add(Campaign(code="2022", profile="generic", policy="default", created_at=NOW))
        current.flush()
        for code in ("s1", "s2"):
            current.add(Space(campaign_id=1, code=code))
    yield opened
    opened.dispose()


def bench(engine: Engine, tmp_path: Path) -> Workbench:
    config = Config(home=tmp_path, now=NOW)
    return Workbench(config, engine, Mock(), Mock())


def nominated(code: str) -> NominatedSpace:
    return Mock(spec=NominatedSpace, code=code, url=f"http://p.example/{code}")


def recorded(engine: Engine, crawl: str, space: int) -> None:
    with session(engine) as current:
        current.add(
            Snapshot(
                id=f"{crawl}-{space}",
                crawl_id=crawl,
                space_id=space,
                url="http://p.example/",
                wacz="aa/bb.wacz",
                digest="sha256:0",
                content_digest="sha256:0",
                visibility=Visibility.PUBLIC,
                taken_at=NOW,
                recorded_at=NOW,
            )
        )


def test_a_crawl_that_was_broken_off_is_gone_on_with(engine: Engine, tmp_path: Path) -> None:
    work = bench(engine, tmp_path)
    spaces = [nominated("s1"), nominated("s2")]
    first = _order(work, "2022", spaces)
    recorded(engine, first.crawl_id, 1)
    assert _order(work, "2022", spaces).crawl_id == first.crawl_id
    assert _order(work, "2022", spaces[1:]).crawl_id == first.crawl_id


def test_a_crawl_that_only_lacks_its_end_is_not(engine: Engine, tmp_path: Path) -> None:
    work = bench(engine, tmp_path)
    spaces = [nominated("s1"), nominated("s2")]
    first = _order(work, "2022", spaces)
    for space in (1, 2):
        recorded(engine, first.crawl_id, space)
    assert _order(work, "2022", spaces).crawl_id != first.crawl_id
    with session(engine) as current:
        open_crawls = current.exec(select(Crawl.id).where(Crawl.finished_at == None)).all()  # noqa: E711
        assert len(open_crawls) == 1

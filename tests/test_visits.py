"""Which crawl a run goes on with: the one that was broken off, and not one that is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
    url = f"http://p.example/{code}"
    return Mock(spec=NominatedSpace, code=code, url=url, space_id=int(code.removeprefix("s")))


def recorded(
    engine: Engine,
    crawl: str,
    space: int,
    *,
    url: str = "http://p.example/",
    visibility: Visibility = Visibility.PUBLIC,
    at: datetime = NOW,
) -> None:
    with session(engine) as current:
        if current.get(Crawl, crawl) is None:
            current.add(
                Crawl(id=crawl, campaign_id=1, started_at=NOW, finished_at=NOW, settings={})
            )
            current.flush()
        current.add(
            Snapshot(
                id=f"{crawl}-{space}",
                crawl_id=crawl,
                space_id=space,
                url=url,
                wacz="aa/bb.wacz",
                digest="sha256:0",
                content_digest="sha256:0",
                visibility=visibility,
                taken_at=at,
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


def test_a_later_visit_is_told_of_the_last_snapshot_of_the_same_address_that_showed_the_space(
    engine: Engine, tmp_path: Path
) -> None:
    work = bench(engine, tmp_path)
    space = nominated("s1")
    assert _order(work, "2022", [space]).spaces[0].earlier is None
    one, two, three = (NOW + timedelta(days=days) for days in (1, 2, 3))
    partial, down = Visibility.PARTIAL, Visibility.UNREACHABLE
    recorded(engine, "older", 1, url=space.url)
    recorded(engine, "newer", 1, url=space.url, visibility=partial, at=one)
    recorded(engine, "down", 1, url=space.url, visibility=down, at=two)
    recorded(engine, "elsewhere", 1, at=three)
    recorded(engine, "other", 2, url=space.url, at=three)
    [task] = _order(work, "2022", [space]).spaces
    assert task.earlier is not None
    assert (task.earlier.snapshot_id, task.earlier.wacz) == ("newer-1", "aa/bb.wacz")

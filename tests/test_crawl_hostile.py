"""Pages that loop, hang, flood or fight their visitor: each named, none of them held against a teacher."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from crawler.browser import Browser
from crawler.task import Limits
from models.manifest import Manifest
from models.vocabulary import Access, Outcome
from tests.crawl_site import LIMITS, Crawled, crawl, listening, order_for
from tests.guard_site import Site
from tests.hostile_site import (
    EXTRAS,
    Pages,
    Row,
    hangs,
    loops,
    moves,
    sizes,
    traffic,
    transfers,
    windows,
)

pytestmark = pytest.mark.browser

#: Rows that end by themselves at once, or only with the time-out.
BRISK: Mapping[str, Row] = loops() | moves() | transfers() | hangs()
#: Rows that a patient visitor gets to read.
PATIENT: Mapping[str, Row] = windows() | traffic() | sizes()

BRISK_LIMITS = LIMITS.model_copy(
    update={"page_seconds": 5, "fetch_seconds": 3, "max_file_bytes": 1_000_000}
)
PATIENT_LIMITS = BRISK_LIMITS.model_copy(update={"page_seconds": 45, "max_file_bytes": 4_000_000})


@pytest.fixture(scope="module")
def brisk(browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    return visit(BRISK, BRISK_LIMITS, tmp_path_factory)


@pytest.fixture(scope="module")
def patient(browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    return visit(PATIENT, PATIENT_LIMITS, tmp_path_factory)


def visit(rows: Mapping[str, Row], limits: Limits, folders: pytest.TempPathFactory) -> Crawled:
    site = Site(Pages({f"/s/{name}/": row.answer for name, row in rows.items()} | EXTRAS))
    with listening(site):
        spaces = {name: f"{site.url}s/{name}/" for name in rows}
        allow = f"127.0.0.1:{site.port}"
        return crawl(order_for(folders.mktemp("hostile"), spaces, allow, limits=limits))


def hold(row: Row, manifest: Manifest) -> None:
    """Every attempt came out as the row says, and nothing is held against the teacher."""
    allowed = {row.outcome, row.or_else} - {None}
    outcomes = {attempt.outcome for attempt in manifest.attempts}
    assert outcomes <= allowed, manifest.reasons
    if Outcome.OK in outcomes:
        assert manifest.visibility.access is Access.PUBLIC
    elif row.outcome is not Outcome.UNAUTHORIZED:
        assert manifest.visibility.access is Access.CANNOT_TELL


@pytest.mark.parametrize("space", BRISK)
def test_a_page_that_loops_hangs_or_leads_nowhere_is_named(space: str, brisk: Crawled) -> None:
    hold(BRISK[space], brisk.manifests[space])


@pytest.mark.parametrize("space", PATIENT)
def test_a_page_that_fights_its_visitor_is_read_or_named(space: str, patient: Crawled) -> None:
    hold(PATIENT[space], patient.manifests[space])


def test_every_space_has_its_snapshot(brisk: Crawled, patient: Crawled) -> None:
    for crawled in (brisk, patient):
        assert crawled.failed == 0
        assert crawled.manifests.keys() == {task.space for task in crawled.order.spaces}


def test_an_entry_page_is_read_where_it_leads(patient: Crawled) -> None:
    page = patient.manifests["moves-on"].pages[0]
    assert page.final_url is not None
    assert page.final_url.endswith("/calm")


def test_a_page_without_end_is_read_down_to_a_limit_and_says_so(patient: Crawled) -> None:
    assert patient.manifests["tall"].pages[0].screenshot_cut_at is not None
    assert patient.manifests["grows-on-scroll"].pages[0].more_below
    assert patient.manifests["many-elements"].pages[0].blocks >= 5_000

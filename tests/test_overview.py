"""The list's numbers, counted by the database, are those of the findings one by one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlmodel import select

from audit.review import reviewed_findings
from models.database import migrate, open_engine, session
from models.tables import Campaign, Finding, Space
from models.vocabulary import Action, FindingState
from service.deciding import Ruling, take
from service.overview import campaign_overview
from tests.factories import AUDITOR, add_campaign, make_desk


def test_counts_are_those_of_the_findings_one_by_one(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=20)
    with session(engine) as current:
        campaign = current.exec(select(Campaign)).one()
        for key, action, reason in (
            ("fd_sc0_0", Action.CONFIRM, "violation"),
            ("fd_sc7_1", Action.CONFIRM, "violation"),
            ("fd_sc7_1", Action.UNDO, "mistake"),
        ):
            finding = current.get_one(Finding, key)
            take(current, made.desk, campaign, finding, Ruling(action, reason, "", AUDITOR))
    with session(engine) as current:
        campaign = current.exec(select(Campaign)).one()
        rows = campaign_overview(current, made.desk, campaign)
        assert len(rows) == len(current.exec(select(Space)).all())
        for row in rows:
            single = reviewed_findings(current, row.nomination.space_id)
            still = [each for each in single if each.state is FindingState.OPEN]
            others = [each for each in single if each.state is not FindingState.OPEN]
            assert row.open == Counter(each.finding.severity for each in still)
            assert row.decided == Counter(each.state for each in others)
        assert sum(row.decided.get(FindingState.CONFIRMED, 0) for row in rows) == 1
    engine.dispose()

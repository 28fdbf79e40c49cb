"""Visits one space now and screens what was found: the re-check of a notice to mend."""

from __future__ import annotations

from crawler.run import Progress
from models.tables import Campaign
from service.nominations import NominatedSpace
from service.screenings import screen_space
from service.visits import crawl
from service.workbench import Workbench


def revisit_space(bench: Workbench, campaign: Campaign, space: NominatedSpace) -> bool:
    """Visit and screen one space; whether a snapshot of it came of that."""

    def follow(event: Progress) -> None:
        if event.event == "stored" and event.space == space.code:
            screen_space(bench, campaign, space)

    return space.code in crawl(bench, campaign.code, [space], follow).visited

"""What the pages, the API and the review commands stand on, handed to them in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy import Engine
from sqlmodel import Session

from audit.verdict import Basis
from models.tables import Campaign, Snapshot, Verdict
from rules.pack import RulePack
from rules.policy import load_policy
from service.nominations import NominatedSpace
from service.printing import print_page
from service.revisit import revisit_space
from service.snapshots import Snapshots, StoredSnapshots
from service.verdicts import issue_for
from service.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Desk:
    """One installation, as its reading and deciding side sees it.

    Attributes:
        pack: The rules in force today.
        models: The classifiers in force today: digest by family.
        issue: Judges a space (by its key) anew after a decision of the named user, and appends
            the verdict if it says anything new.
        clock: The date-time in UTC.
        revisit: Visits and screens one space now; whether a snapshot came of it. None: cannot.
        print_pdf: Prints a page of ours (as HTML) to a PDF. None: cannot.
    """

    engine: Engine
    snapshots: Snapshots
    pack: RulePack
    issue: Callable[[Session, Campaign, int, str], Verdict]
    clock: Callable[[], datetime]
    models: Mapping[str, str] = field(default_factory=dict)
    revisit: Callable[[Campaign, NominatedSpace], bool] | None = None
    print_pdf: Callable[[str], bytes] | None = None

    def basis(self, campaign: Campaign, newest: Snapshot | None) -> Basis:
        """What a verdict on a space of the campaign would stand on today."""
        return Basis(
            snapshot=newest.id if newest else None,
            content_digest=newest.content_digest if newest else None,
            rule_pack=self.pack.digest,
            models=self.models,
            policy=load_policy(campaign.policy).stamp,
        )


def desk_of(bench: Workbench) -> Desk:
    """The desk of an installation that is opened for work."""

    def issue(current: Session, campaign: Campaign, space_id: int, decided_by: str) -> Verdict:
        return issue_for(current, bench, campaign, space_id, decided_by)

    return Desk(
        engine=bench.engine,
        snapshots=StoredSnapshots(bench.store),
        pack=bench.pack,
        issue=issue,
        clock=bench.now,
        models=bench.tools.models,
        revisit=partial(revisit_space, bench),
        print_pdf=partial(print_page, bench.config.browser),
    )

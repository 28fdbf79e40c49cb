"""A dry run of screening again: what would be new, gone and the same, and what that would cost.

Nothing is written but answers to be kept: stopped and run again, it goes on quickly to where it
was. A person's decision follows its finding, so only new findings that nobody decided on cost time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from sqlmodel import Session, col, select

from audit.cache.matching import ON_TRIAL, KeptMatcher
from audit.facts import facts_of
from audit.records import coverage_rows, finding_rows, newest_screening, newest_snapshot
from audit.review import decisions, in_force, with_states
from audit.screening import Found, Screened, screen
from audit.verdict import judge, newest_verdict
from models.database import session
from models.tables import Campaign, Decision, Finding, Screening, Snapshot, Space
from models.vocabulary import Severity, VerdictState
from rules.pack import PACK_SUFFIX, PackError, RulePack, load_packs
from rules.policy import load_policy
from service.nominations import NominatedSpace
from service.wording import masked
from service.workbench import Workbench

#: Minutes a finding takes a person where none were measured yet: to open it, read around it, decide.
#: An estimate to plan by; the measured median takes its place.
ASSUMED_MINUTES = 2.0
#: Longer between two decisions of one person is a pause, in minutes.
_PAUSE = 15.0
#: Fewer gaps between decisions say too little.
_LEAST_GAPS = 20
#: Examples shown of each rule in each space, new ones and gone ones.
_EXAMPLES = 2


@dataclass(frozen=True, slots=True)
class Example:
    """A finding that would come or go, personal numbers masked."""

    change: str
    rule: str
    severity: Severity
    url: str
    locator: str
    text: str
    context: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What another screening of a space's stored snapshot would change, by fingerprint."""

    space: str
    new: tuple[str, ...]
    gone: tuple[str, ...]
    same: int
    #: Counts of new, gone and same by rule.
    rules: Mapping[str, Mapping[str, int]]
    examples: tuple[Example, ...]
    #: The verdict that was issued last, and the one that would be; None where there is none yet.
    verdict: VerdictState | None
    would_be: VerdictState
    #: New findings that nobody has decided on.
    to_review: int

    @property
    def loses_eligible(self) -> bool:
        """Whether the space was eligible and would be no more."""
        return self.verdict is VerdictState.ELIGIBLE and self.would_be is not VerdictState.ELIGIBLE


def tried_pack(bench: Workbench, files: Sequence[Path], folder: Path | None) -> RulePack:
    """The rules to try: a folder's instead of those in force; files' beside them, over equal ids.

    Raises:
        PackError: a file is no pack, or the folder holds none.
    """
    pack = bench.pack
    if folder is not None:
        found = sorted(folder.glob(f"*{PACK_SUFFIX}"))
        if not found:
            raise PackError(f"{folder} holds no {PACK_SUFFIX} file")
        pack = load_packs([str(path) for path in found])
    for file in files:
        own = load_packs([str(file)])
        rules = {rule.id: rule for rule in (*pack.rules, *own.rules)}
        pack = RulePack(id=f"{pack.id}+{own.id}", version=own.version, rules=tuple(rules.values()))
    return pack


def on_trial(bench: Workbench, pack: RulePack) -> Workbench:
    """The same bench with other rules, whose answers are kept apart."""
    answers = bench.tools.answers
    if answers is None:
        raise ValueError("rules are tried on a bench that keeps answers")
    matcher = KeptMatcher(pack, answers, ON_TRIAL)
    return replace(bench, tools=replace(bench.tools, pack=pack, matcher=matcher))


def rehearse(bench: Workbench, campaign: Campaign, space: NominatedSpace) -> Rehearsed | None:
    """Screen a space's stored snapshot without keeping it; None where there is no snapshot."""
    with session(bench.engine) as current:
        snapshot = newest_snapshot(current, space.space_id)
        if snapshot is None:
            return None
        current.expunge(snapshot)
    with bench.store.reader(snapshot.wacz) as reader:
        screened = screen(reader, bench.tools, subject=space.subject, stage=space.stage)
    if bench.tools.answers is not None:
        bench.tools.answers.flush()
    with session(bench.engine) as current:
        return _compared(current, bench, campaign, space, _Trial(snapshot, screened))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A screening that is not kept."""

    snapshot: Snapshot
    screened: Screened


def _compared(
    current: Session, bench: Workbench, campaign: Campaign, space: NominatedSpace, trial: _Trial
) -> Rehearsed:
    standing = newest_screening(current, trial.snapshot.id)
    statement = select(Finding).where(Finding.screening_id == (standing.id if standing else ""))
    before = {finding.fingerprint: finding for finding in current.exec(statement)}
    after = {found.fingerprint: found for found in trial.screened.findings}
    new = {key: after[key] for key in sorted(after.keys() - before.keys())}
    gone = {key: before[key] for key in sorted(before.keys() - after.keys())}
    same = [before[key] for key in before.keys() & after.keys()]
    held = in_force(decisions(current, space.space_id))
    verdict = newest_verdict(current, space.space_id)
    return Rehearsed(
        space=space.code,
        new=tuple(new),
        gone=tuple(gone),
        same=len(same),
        rules=_by_rule(new.values(), gone.values(), same),
        examples=(*_examples("new", new.values()), *_examples("gone", gone.values())),
        verdict=verdict.state if verdict else None,
        would_be=_would_be(current, bench, campaign, trial),
        to_review=sum(key not in held for key in new),
    )


def _would_be(
    current: Session, bench: Workbench, campaign: Campaign, trial: _Trial
) -> VerdictState:
    """The verdict if this screening were kept."""
    screened, space_id = trial.screened, trial.snapshot.space_id
    row = Screening(
        id="rehearsed",
        snapshot_id=trial.snapshot.id,
        space_id=space_id,
        rule_pack=bench.pack.id,
        rule_pack_version=bench.pack.version,
        rule_pack_digest=bench.pack.digest,
        models=bench.tools.models,
        screened_at=bench.now(),
        measures=screened.measures,
    )
    held = in_force(decisions(current, space_id))
    facts = replace(
        facts_of(current, space_id),
        ledger=list(coverage_rows(screened, row)),
        findings=with_states(list(finding_rows(screened, row)), held),
        screened=True,
    )
    return judge(facts, load_policy(campaign.policy)).state


def _by_rule(
    new: Iterable[Found], gone: Iterable[Finding], same: Iterable[Finding]
) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for change, findings in (("new", new), ("gone", gone), ("same", same)):
        for finding in findings:
            counts[finding.rule][change] += 1
    return {
        rule: {change: counts[rule][change] for change in ("new", "gone", "same")}
        for rule in sorted(counts)
    }


def _examples(change: str, findings: Iterable[Found] | Iterable[Finding]) -> list[Example]:
    shown: Counter[str] = Counter()
    examples = []
    for each in findings:
        shown[each.rule] += 1
        if shown[each.rule] <= _EXAMPLES:
            place = each.place if isinstance(each, Found) else each
            text, context = masked(each.text), masked(each.context)
            examples.append(
                Example(change, each.rule, each.severity, place.url, place.locator, text, context)
            )
    return examples


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a finding takes a person, and whether that was measured here."""

    minutes: float
    measured: bool


def review_pace(current: Session, campaign: Campaign) -> Pace:
    """The median time between one person's decisions in a campaign, pauses left out."""
    statement = (
        select(Decision)
        .join(Space, col(Space.id) == col(Decision.space_id))
        .where(Space.campaign_id == campaign.id)
        .order_by(col(Decision.user_id), col(Decision.decided_at))
    )
    taken = list(current.exec(statement))
    gaps = [
        (later.decided_at - earlier.decided_at).total_seconds() / 60
        for earlier, later in pairwise(taken)
        if earlier.user_id == later.user_id
    ]
    worked = [gap for gap in gaps if 0 < gap <= _PAUSE]
    if len(worked) < _LEAST_GAPS:
        return Pace(ASSUMED_MINUTES, measured=False)
    return Pace(median(worked), measured=True)

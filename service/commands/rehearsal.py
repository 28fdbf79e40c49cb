"""How a dry run of ``spaceaudit screen`` is put before its reader."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.database import session
from models.tables import Campaign
from service.console import out, print_json, print_table
from service.nominations import NominatedSpace
from service.rehearsal import Example, Pace, Rehearsed, rehearse, review_pace
from service.workbench import Workbench

CHANGES = {"new": "新增", "gone": "消失", "same": "不变"}
#: Examples shown of each rule over all spaces, new and gone ones.
_SHOWN = 3


def rehearsed(
    bench: Workbench,
    campaign: Campaign,
    spaces: Sequence[NominatedSpace],
    follow: Callable[[str], None],
) -> list[Rehearsed]:
    """The dry run of these spaces; those without a snapshot are left out."""
    found = []
    for space in spaces:
        one = rehearse(bench, campaign, space)
        found += [one] if one is not None else []
        follow(space.code)
    return found


def pace_of(bench: Workbench, campaign: Campaign, minutes: float | None) -> Pace:
    """The minutes given, or else measured, or else assumed."""
    if minutes is not None:
        return Pace(minutes, measured=False)
    with session(bench.engine) as current:
        return review_pace(current, campaign)


def print_rehearsal(found: Sequence[Rehearsed], pace: Pace, *, as_json: bool) -> None:
    """Print it: one object a space for machines; for people tables by space and rule, and sums."""
    if as_json:
        print_json([_document(each, pace) for each in found])
        return
    spaces = ((e.space, len(e.new), len(e.gone), e.same, _verdict(e)) for e in found)
    print_table(("空间", *CHANGES.values(), "结论"), spaces)
    print_table(("规则", *CHANGES.values()), _rule_rows(found), title="按规则")
    for example in _shown(found):
        where = f"{example.url} {example.locator}".strip()
        line = (
            f"{CHANGES[example.change]} {example.rule} “{example.text}” {example.context} ({where})"
        )
        out.print(line, markup=False)
    out.print(_summary(found, pace), markup=False)


def _document(each: Rehearsed, pace: Pace) -> dict[str, Any]:
    return {
        "space": each.space,
        "new": each.new,
        "gone": each.gone,
        "same": each.same,
        "rules": each.rules,
        "examples": [
            {name: getattr(example, name) for name in Example.__slots__}
            for example in each.examples
        ],
        "verdict": each.verdict,
        "would_be": each.would_be,
        "loses_eligible": each.loses_eligible,
        "to_review": each.to_review,
        "review_minutes": round(each.to_review * pace.minutes, 1),
        "minutes_measured": pace.measured,
    }


def _verdict(each: Rehearsed) -> str:
    now = each.would_be.label
    before = each.verdict.label if each.verdict else ""
    return now if before == now else f"{before} → {now}"


def _rule_rows(found: Sequence[Rehearsed]) -> Iterator[tuple[object, ...]]:
    """The rules that would change something, the greatest change first."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for each in found:
        for rule, counts in each.rules.items():
            sums[rule].update(counts)
    changed = [rule for rule, counts in sums.items() if counts["new"] or counts["gone"]]
    for rule in sorted(changed, key=lambda rule: (-sums[rule]["new"] - sums[rule]["gone"], rule)):
        yield (rule, *(sums[rule][change] for change in CHANGES))


def _shown(found: Sequence[Rehearsed]) -> Iterator[Example]:
    seen: Counter[tuple[str, str]] = Counter()
    for example in (example for each in found for example in each.examples):
        seen[example.change, example.rule] += 1
        if seen[example.change, example.rule] <= _SHOWN:
            yield example


def _summary(found: Sequence[Rehearsed], pace: Pace) -> str:
    new, gone = sum(len(e.new) for e in found), sum(len(e.gone) for e in found)
    waiting = sum(each.to_review for each in found)
    lost = sum(each.loses_eligible for each in found)
    how = "按本次活动实测" if pace.measured else "按设定"
    return (
        f"{len(found)} 个空间:新增 {new} 条,消失 {gone} 条,不变 {sum(e.same for e in found)} 条;"
        f"{lost} 个空间将失去“合格”;待人工复核 {waiting} 条,"
        f"约 {waiting * pace.minutes / 60:.1f} 小时({how}每条 {pace.minutes:.1f} 分钟)"
    )

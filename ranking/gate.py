"""The gate: fail-closed, so that only a current verdict of 合格 lets a space be ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from models.vocabulary import Access, VerdictReason, VerdictState, Visibility
from ranking.records import Candidate, GateReason, GateResult, Hold, VerdictView
from ranking.wording import moment

STATE_REASONS: Mapping[VerdictState, GateReason] = MappingProxyType(
    {
        VerdictState.PENDING: GateReason.PENDING,
        VerdictState.REJECTED: GateReason.REJECTED,
        VerdictState.UNDETERMINED: GateReason.UNDETERMINED,
        VerdictState.STALE: GateReason.STALE,
    }
)

#: What would let the space in, for each reason.
REMEDIES: Mapping[GateReason, str] = MappingProxyType(
    {
        GateReason.NEVER_CHECKED: "对该空间完成抓取、筛查并得出结论",
        GateReason.STALE: "按现行内容和规则重新筛查,得出新的结论",
        GateReason.PENDING: "由审核员处理待复核的问题",
        GateReason.REJECTED: "整改后重新检测,并由审核员复核通过",
        GateReason.UNDETERMINED: "待网站恢复后重新检测,或由审核员核实",
        GateReason.EXPIRED: "重新检测,得出有效期内的结论",
        GateReason.NO_VALIDITY: "重新检测,得出带有效期的结论",
        GateReason.NOT_PUBLIC: "把空间的访问权限设置为“所有人可见”后重新检测",
        GateReason.ACCESS_UNKNOWN: "待网站恢复后重新检测",
        GateReason.COVERAGE_GAP: "由审核员查看未筛查的内容",
    }
)


def gate(candidate: Candidate, now: datetime) -> GateResult:
    """Decide whether a space may be ranked at ``now``.

    It may if and only if its verdict is eligible, now is before the end of its validity, the space
    is public, and its coverage is complete or the policy allows the gaps. All reasons are given.
    """
    if candidate.verdict is None:
        return GateResult((Hold(GateReason.NEVER_CHECKED, "尚未审核,没有结论。"),))
    return GateResult(tuple(_holds(candidate.verdict, now)))


def _holds(verdict: VerdictView, now: datetime) -> Iterator[Hold]:
    if verdict.state is not VerdictState.ELIGIBLE:
        yield Hold(STATE_REASONS[verdict.state], _state_sentence(verdict))
    if verdict.valid_until is None:
        yield Hold(GateReason.NO_VALIDITY, "审核结论没有写明有效期,不能采用。")
    elif now >= verdict.valid_until:
        yield Hold(
            GateReason.EXPIRED,
            f"审核结论的有效期到 {moment(verdict.valid_until)} 为止,现已过期。",
        )
    if verdict.visibility is not Visibility.PUBLIC:
        yield _access_hold(verdict.visibility)
    if not (verdict.coverage_complete or verdict.gaps_allowed):
        yield Hold(GateReason.COVERAGE_GAP, "有内容未筛查,且判定规则不允许略过。")


def _state_sentence(verdict: VerdictView) -> str:
    said = "、".join(_reason_label(reason) for reason in verdict.reasons)
    return f"审核结论为“{verdict.state.label}”" + (f":{said}。" if said else "。")


def _reason_label(reason: str) -> str:
    known = {term.value: term.label for term in VerdictReason}
    return known.get(reason, reason)


def _access_hold(visibility: Visibility) -> Hold:
    if visibility.access is Access.CANNOT_TELL:
        return Hold(
            GateReason.ACCESS_UNKNOWN,
            f"空间{visibility.label},无法判断是否对所有人公开。",
        )
    return Hold(
        GateReason.NOT_PUBLIC,
        f"空间的访问权限测得为“{visibility.label}”,不是“{Visibility.PUBLIC.label}”。",
    )

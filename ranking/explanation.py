"""Why a space stands where it does, in Chinese: gate, score, quota, order, result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from models.vocabulary import RankingStage
from ranking.gate import REMEDIES
from ranking.notices import SAMPLE_NOTICE
from ranking.ordering import Criterion, criteria, decided_by, in_order
from ranking.records import Entry, ItemScore, Place, Ranking, SeatKind
from ranking.scoring import how
from ranking.seats import bonus, leaning, may_take_pilot_place
from ranking.wording import moment, number
from rules.scheme import SAMPLE_MARK, RuralMode


def explain(ranking: Ranking, space: str) -> list[str]:
    """Every step that led to a space's place, and what would have changed it.

    Raises:
        RankingError: the space is not in the ranking.
    """
    entry = ranking.entry(space)
    found = [f"【{SAMPLE_MARK}】{SAMPLE_NOTICE}"] if ranking.sample else []
    found.extend(_gate(entry))
    found.extend(_score(ranking, entry))
    found.extend(_quota(ranking, entry))
    found.extend(_order(ranking, entry))
    found.extend(_result(ranking, entry))
    return found


def note(ranking: Ranking, entry: Entry) -> str:
    """The reason for a space's place in one line, as a summary carries it."""
    if not entry.gate.admitted:
        return ";".join(reason.label for reason in entry.gate.reasons)
    if entry.score.total is None:
        return "没有任何一项有评分"
    if entry.place is Place.SELECTED:
        said = entry.seat.label if entry.seat else f"市级综合排名第 {entry.rank} 名"
    elif ranking.stage is RankingStage.CITY and entry.rank is None:
        said = "县级未推荐"
    else:
        said = "推荐单位不在名额表中" if not entry.unit.listed else "名额已满"
    return ";".join([said, *_rural(ranking, entry)])


def _gate(entry: Entry) -> Iterator[str]:
    verdict = entry.candidate.verdict
    if entry.gate.admitted and verdict is not None and verdict.valid_until is not None:
        serial = "" if verdict.serial is None else f"(第 {verdict.serial} 号)"
        seen = f",快照时间 {moment(verdict.snapshot_at)}" if verdict.snapshot_at else ""
        yield (
            f"准入:通过。审核结论“{verdict.state.label}”{serial},"
            f"有效期至 {moment(verdict.valid_until)}{seen}。"
        )
        return
    yield "准入:未通过,不参加排名。"
    for hold in entry.gate.holds:
        yield f"  原因:{hold.sentence}"
        yield f"  如要改变:{REMEDIES[hold.reason]}。"


def _score(ranking: Ranking, entry: Entry) -> Iterator[str]:
    score = entry.score
    aside = "" if entry.gate.admitted else "(仅供参考)"
    if score.total is None:
        yield f"评分{aside}:没有任何一项有评分,没有总分。"
    else:
        yield (
            f"评分{aside}:总分 {number(score.total)}。已评各项满分 {number(score.scored_max)}"
            f"(全部 {number(score.full)}),得 {number(score.points)} 分。"
        )
    yield f"  评分方案:{ranking.scheme.title} 第 {ranking.scheme.version} 版,来源:{ranking.scheme.source}。"
    for item in score.items:
        yield f"  {_item(item)}"
    if score.missing:
        names = "、".join(item.title for item in score.missing)
        yield f"  未评分的项:{names};{ranking.scheme.missing.label}。"


def _item(found: ItemScore) -> str:
    points = "—" if found.points is None else number(found.points)
    return (
        f"{found.item.title}:{points}/{number(found.item.max)} 分。"
        f"{how(found)};依据:{found.item.evidence}。"
    )


def _quota(ranking: Ranking, entry: Entry) -> Iterator[str]:
    quotas, unit = ranking.quotas, entry.unit
    if not unit.listed:
        yield f"名额:“{unit.title}”不在名额表中,没有名额。"
        return
    rule = quotas.direct if unit.direct else quotas.counties
    kind = "直接申报学校" if unit.direct else "推荐单位"
    yield f"名额:{kind} {unit.title},普通名额 {unit.places} 个(来源:{rule.source})。"
    if entry.candidate.pilot:
        may = "可以使用" if may_take_pilot_place(entry.candidate, quotas) else "不能使用"
        yield (
            f"  本校“5G+专递课堂”试点增加名额 {quotas.pilot.extra_places} 个,只给参与试点的一线教师,"
            f"本空间{may}(来源:{quotas.pilot.source};是否试点、是否一线按推荐表)。"
        )
    rural = leaning(unit, ranking.scheme.rural)
    if rural is not None:
        yield f"  {rural.describe()}。来源:{rural.source}。"
    if entry.bonus:
        yield f"  本空间属于农村偏远学校,排序时加 {number(entry.bonus)} 分。"


def _order(ranking: Ranking, entry: Entry) -> Iterator[str]:
    if entry.county is not None and entry.county.rank is not None:
        county = entry.county
        seat = f",{county.seat.label}" if county.seat else ""
        yield f"县级推荐:{entry.unit.title}第 {county.rank} 名,{county.place.label}{seat}。"
    if entry.rank is None:
        return
    peers, by = _peers(ranking, entry), _criteria(ranking, entry)
    where = "全市推荐" if ranking.stage is RankingStage.CITY else entry.unit.title
    yield f"排序:在{where}的 {len(peers)} 个参评空间中列第 {entry.rank} 名。"
    for peer in peers[max(entry.rank - 2, 0) : entry.rank + 1]:
        if peer is entry or peer.ordering_total != entry.ordering_total:
            continue
        ahead = (peer.rank or 0) < entry.rank
        title = decided_by(*((peer, entry) if ahead else (entry, peer)), by)
        yield f"  与 {peer.candidate.space} 总分相同,排在其{'后' if ahead else '前'},依据:{title}。"


def _result(ranking: Ranking, entry: Entry) -> Iterator[str]:
    yield f"结果:{entry.place.label}。{note(ranking, entry)}。"
    if entry.place is Place.HELD_OUT:
        yield from _would_be(ranking, entry)
    if entry.rank is None or entry.place is Place.SELECTED:
        return
    if not _rural(ranking, entry):
        yield from _distance(ranking, entry)
    yield from _idle_pilot_places(ranking, entry)


def _would_be(ranking: Ranking, entry: Entry) -> Iterator[str]:
    """Where a space that is held out would stand in its unit with the score it has."""
    if ranking.stage is RankingStage.CITY or entry.score.total is None:
        return
    policy = leaning(entry.unit, ranking.scheme.rural)
    admitted = replace(entry, bonus=bonus(entry.candidate, policy))
    order = in_order([*_peers(ranking, entry), admitted], _criteria(ranking, entry))
    yield (
        f"  假如准入,按现有评分在{entry.unit.title}可列第 {order.index(admitted) + 1} 名"
        f"(普通名额 {entry.unit.places} 个)。"
    )


def _distance(ranking: Ranking, entry: Entry) -> Iterator[str]:
    """How far the space is from the last place that goes by order alone."""
    ordinary = [
        peer
        for peer in _peers(ranking, entry)
        if peer.place is Place.SELECTED and peer.seat in (None, SeatKind.ORDINARY)
    ]
    if not ordinary:
        return
    last = ordinary[-1]
    gap = (last.ordering_total or 0) - (entry.ordering_total or 0)
    total = number(last.ordering_total or 0)
    if gap > 0:
        yield f"  按名次的最后一个名额总分为 {total},本空间低 {number(gap)} 分;高于它即可入选。"
    else:
        title = decided_by(last, entry, _criteria(ranking, entry))
        yield f"  按名次的最后一个名额总分同为 {total},本空间因“{title}”排在其后。"


def _idle_pilot_places(ranking: Ranking, entry: Entry) -> Iterator[str]:
    quotas = ranking.quotas
    if ranking.stage is RankingStage.CITY or may_take_pilot_place(entry.candidate, quotas):
        return
    school = quotas.school_of(entry.candidate.school)
    fellows = [
        peer.candidate
        for peer in _peers(ranking, entry)
        if quotas.school_of(peer.candidate.school) == school
    ]
    if not any(may_take_pilot_place(fellow, quotas) for fellow in fellows):
        return
    used = sum(
        peer.seat is SeatKind.PILOT
        for peer in _peers(ranking, entry)
        if quotas.school_of(peer.candidate.school) == school
    )
    if idle := quotas.pilot.extra_places - used:
        yield f"  本校还有 {idle} 个试点增加名额未用,但只能给参与试点的一线教师。"


def _rural(ranking: Ranking, entry: Entry) -> list[str]:
    if ranking.scheme.rural.mode is RuralMode.NONE:
        return []
    mode = ranking.scheme.rural.mode.label
    if entry.candidate.space in ranking.effect.came_in:
        return [f"因农村偏远倾斜({mode})入选,否则不能入选"]
    if entry.candidate.space in ranking.effect.went_out:
        return [f"因农村偏远倾斜({mode})让出名额,否则可以入选"]
    return []


def _peers(ranking: Ranking, entry: Entry) -> Sequence[Entry]:
    """Those that compete with a space, itself among them, in order."""
    city = ranking.stage is RankingStage.CITY
    return [
        peer
        for peer in ranking.entries
        if peer.rank is not None and (city or peer.unit == entry.unit)
    ]


def _criteria(ranking: Ranking, entry: Entry) -> Sequence[Criterion]:
    city = ranking.stage is RankingStage.CITY
    rural = None if city else leaning(entry.unit, ranking.scheme.rural)
    return criteria(ranking.scheme, rural)

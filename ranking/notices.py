"""What whoever uses a ranking has to know of it as a whole, in Chinese."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ranking.records import Entry, Place
from rules.quota import Quotas
from rules.scheme import Scheme

SAMPLE_NOTICE = "本排名使用示例数据(评分指标、名额或倾斜办法),非教育局发布,不能作为正式结果。"


def notices(entries: Sequence[Entry], scheme: Scheme, quotas: Quotas) -> Iterator[str]:
    """Made-up numbers, units without quota, scores that are not whole, consent that is missing."""
    if scheme.made_up or quotas.sample:
        yield SAMPLE_NOTICE
    yield from _unlisted(entries)
    yield from _scores(entries, scheme)
    unsure = sum(e.place is Place.SELECTED and e.candidate.consent is not True for e in entries)
    if unsure:
        yield f"{unsure} 个入选空间未注明参与者同意全部免费开放,请补充确认。"


def _unlisted(entries: Sequence[Entry]) -> Iterator[str]:
    counted = Counter(entry.unit.title for entry in entries if not entry.unit.listed)
    for title, number in sorted(counted.items()):
        yield f"“{title}”不在名额表中,其 {number} 个空间没有名额;请核对推荐单位或补充名额表。"


def _scores(entries: Sequence[Entry], scheme: Scheme) -> Iterator[str]:
    admitted = [entry for entry in entries if entry.gate.admitted]
    partial = sum(bool(entry.score.missing) for entry in admitted)
    if partial:
        yield f"{partial} 个准入空间有未评分的项({scheme.missing.label})。"
    if len({tuple(item.id for item in entry.score.missing) for entry in admitted}) > 1:
        yield "各空间已评分的项不一致,总分不完全可比。"

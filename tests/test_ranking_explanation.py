"""Explanations name the step that decided, and what would have changed it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.vocabulary import RankingStage, VerdictState, Visibility
from ranking.explanation import explain, note
from ranking.records import Candidate, Ranking, RankingError
from rules.scheme import Scheme
from tests.ranking_samples import (
    ELIGIBLE,
    NOW,
    TIE_BREAK,
    bonus,
    candidate,
    direct,
    pilot,
    ranked,
    rural,
    scheme,
    share,
)


def told(ranking: Ranking, space: str) -> str:
    return "\n".join(explain(ranking, space))


def explained(space: str, candidates: list[Candidate], rules: Scheme | None = None) -> str:
    return told(ranked(candidates, rules), space)


def test_a_held_out_space_is_told_every_reason_and_remedy() -> None:
    verdict = replace(
        ELIGIBLE,
        state=VerdictState.PENDING,
        visibility=Visibility.LOGIN,
        reasons=("finding_open",),
        valid_until=NOW,
    )
    said = explained("s1", [candidate("s1", 80, verdict=verdict), candidate("s2", 90)])
    assert "准入:未通过" in said
    assert "有疑似问题待人工处理" in said
    assert "2022-10-12 09:00" in said
    assert "测得为“登录可见”" in said
    assert "如要改变:把空间的访问权限设置为“所有人可见”后重新检测" in said
    assert "结果:未准入。审核结论为待复核;审核结论已过有效期;空间未对所有人公开。" in said
    assert "假如准入,按现有评分在鲤城区可列第 2 名(普通名额 2 个)" in said


def test_steps_come_in_order() -> None:
    lines = explain(ranked([candidate("s1", 80)]), "s1")
    heads = [line.split(":")[0] for line in lines if not line.startswith((" ", "【"))]
    assert heads == ["准入", "评分", "名额", "排序", "结果"]
    assert lines[0].startswith("【示例】")
    assert "审核结论“合格”(第 7 号),有效期至 2022-10-15 09:00" in lines[1]


def test_beyond_quota_is_told_the_distance() -> None:
    rivals = [candidate("a", 90), candidate("b", 80.5), candidate("c", 70)]
    said = explained("c", rivals)
    assert "普通名额 2 个(来源:示例" in said
    assert "在鲤城区的 3 个参评空间中列第 3 名" in said
    assert "最后一个名额总分为 80.5,本空间低 10.5 分" in said


def test_a_tie_is_told_what_decided_it() -> None:
    rivals = [candidate("a", 50), candidate("b", 50)]
    said = explained("b", rivals, scheme(1))
    assert "与 a 总分相同,排在其后,依据:空间编号先后" in said
    assert "本空间因“空间编号先后(前面各项都相同时的最后办法)”排在其后" in said
    assert "与 b 总分相同,排在其前" in explained("a", rivals, scheme(1))
    measured = [replace(rivals[0], measures={"text_chars": 1.0}), rivals[1]]
    assert "依据:正文字数" in explained("b", measured, scheme(1))
    kinds = [candidate("a", 50), rural("b", 50)]
    assert "依据:农村偏远学校优先" in explained("a", kinds, scheme(1, TIE_BREAK))


def test_rural_policy_is_told_to_both_sides() -> None:
    rivals = [candidate("u", 90), rural("r", 10)]
    rules = scheme(1, share(20))
    assert "因农村偏远倾斜(保留名额)入选,否则不能入选" in explained("r", rivals, rules)
    assert "因农村偏远倾斜(保留名额)让出名额,否则可以入选" in explained("u", rivals, rules)
    assert "农村偏远倾斜:保留不少于 20% 的名额(示例)" in explained("u", rivals, rules)
    assert "排序时加 85 分" in explained("r", rivals, scheme(1, bonus(85)))


def test_who_made_room_is_told_no_distance() -> None:
    rivals = [candidate("u1", 90), candidate("u2", 80), rural("r", 10)]
    said = explained("u2", rivals, scheme(2, share(50)))
    assert "让出名额" in said
    assert "最后一个名额" not in said


def test_pilot_places_are_told() -> None:
    rivals = [pilot(f"s{n}", 50 + n, school="示例园") for n in range(5)]
    out = direct("out", 1, "示例园")
    said = explained("out", [*rivals, out])
    assert "本校还有 2 个试点增加名额未用,但只能给参与试点的一线教师" in said
    assert "本空间可以使用" in explained("s0", [*rivals, out])
    assert "本空间不能使用" in explained("x", [pilot("x", 5, front_line=False)])
    assert "泉教装〔2022〕3号" in said


def test_unscored_items_are_named() -> None:
    said = explained("s1", [candidate("s1", 80)])
    assert "总分 80。已评各项满分 20(全部 100),得 16 分" in said
    assert "未评分的项:栏目内容充实、" in said
    assert "未评的项不计入" in said
    assert "没有任何一项有评分" in explained("s1", [candidate("s1", None)])


def test_city_stage_tells_both_stages() -> None:
    rivals = [candidate(f"s{n}", 90 + n) for n in range(3)]
    ranking = ranked(rivals, scheme(2, awards=1, reserve=0), RankingStage.CITY)
    assert "县级推荐:鲤城区第 2 名,入选,普通名额。" in told(ranking, "s1")
    assert "在全市推荐的 2 个参评空间中列第 2 名" in told(ranking, "s1")
    assert "最后一个名额总分为 92,本空间低 1 分" in told(ranking, "s1")
    assert "结果:超出名额。县级未推荐。" in told(ranking, "s0")
    assert note(ranking, ranking.entry("s2")) == "市级综合排名第 1 名"


def test_an_unlisted_unit_is_told() -> None:
    said = explained("s1", [candidate("s1", county="福州市", unit="福州市教育局")])
    assert "“福州市教育局”不在名额表中,没有名额" in said
    assert "结果:超出名额。推荐单位不在名额表中。" in said


def test_an_unknown_space_is_refused() -> None:
    with pytest.raises(RankingError, match="s9"):
        explain(ranked([candidate("s1")]), "s9")

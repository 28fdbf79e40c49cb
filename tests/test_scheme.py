"""Scoring schemes and quotas: what loads, what is refused and how the refusal reads."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.vocabulary import SchoolKind
from rules.quota import QuotaUnit
from rules.scheme import (
    RuralMode,
    RuralPolicy,
    Scheme,
    SchemeError,
    load_scheme,
    parse_scheme,
    scheme_names,
)

SAMPLE = (resources.files("rules") / "schemes" / "sample-2022.yaml").read_text(encoding="utf-8")
Data = dict[str, Any]


def altered(change: Callable[[Data], object]) -> str:
    data = yaml.safe_load(SAMPLE)
    change(data)
    return yaml.safe_dump(data, allow_unicode=True)


def unit(county: str, recommender: str, school: str) -> QuotaUnit:
    return load_scheme().quotas.unit_of(county, recommender, school)


def test_every_scheme_that_ships_loads_and_says_that_it_is_a_sample() -> None:
    assert "sample-2022" in scheme_names()
    for name in scheme_names():
        scheme = load_scheme(name)
        assert scheme.id == name
        assert scheme.made_up
        assert "示例" in scheme.title
        assert "非教育局发布" in scheme.source


def test_notice_rules_are_as_published_and_name_their_source() -> None:
    scheme = load_scheme()
    direct = scheme.quotas.direct
    assert {school.name: school.places for school in direct.schools} == {
        "泉州一中": 6,
        "泉州五中": 6,
        "晋光小学": 6,
    }
    assert (direct.other_places, scheme.quotas.pilot.extra_places) == (4, 3)
    assert scheme.award.places == 300
    for source in (direct.source, scheme.quotas.pilot.source, scheme.award.source):
        assert "泉教装〔2022〕3号" in source
    assert scheme.quotas.counties.sample
    assert "示例" in scheme.quotas.counties.source
    assert len(scheme.quotas.counties.units) == 13


@pytest.mark.parametrize(
    ("county", "recommender", "school", "title", "places"),
    [
        ("市直", "泉州一中", "泉州一中", "泉州一中", 6),
        ("市直", "", "福建省泉州第一中学", "泉州一中", 6),
        ("市直", "", "泉州 五中", "泉州五中", 6),
        ("市直", "市直", "泉州市晋光小学", "晋光小学", 6),
        # The notice calls the three direct whatever the sheet says of the county.
        ("丰泽区", "丰泽区", "泉州五中", "泉州五中", 6),
        # Near misses: a longer name, another school of the same stem.
        ("市直", "", "泉州一中附属学校", "泉州一中附属学校", 4),
        ("市直", "", "泉州十一中", "泉州十一中", 4),
        ("市直", "", "示例幼儿园", "示例幼儿园", 4),
        ("鲤城区", "市直", "示例中学", "示例中学", 4),
        ("鲤城区", "鲤城区教育局", "示例小学", "鲤城区", 36),
        ("鲤城区", "示例小学", "示例小学", "鲤城区", 36),
        ("石狮市", "晋江市教育局", "示例小学", "晋江市", 70),
        ("泉州台商投资区", "泉州台商投资区教育文体旅游局", "示例小学", "泉州台商投资区", 12),
        ("鲤城", "", "示例小学", "鲤城", 0),
        ("福州市", "福州市教育局", "示例小学", "福州市教育局", 0),
    ],
)
def test_unit_whose_places_a_space_takes(
    county: str, recommender: str, school: str, title: str, places: int
) -> None:
    found = unit(county, recommender, school)
    assert (found.title, found.places) == (title, places)
    assert found.listed == (places > 0)


def test_spellings_of_one_school_are_one_unit() -> None:
    assert unit("市直", "", "泉州一中") == unit("泉州市直", "泉州一中", "福建省泉州第一中学")


def test_pilot_schools_may_be_listed() -> None:
    text = altered(lambda data: data["quotas"]["pilot"].update(schools=["福建省泉州第一中学"]))
    quotas = parse_scheme(text, "x.yaml").quotas
    assert quotas.has_pilot_places("泉州一中")
    assert not quotas.has_pilot_places("泉州五中")
    assert load_scheme().quotas.has_pilot_places("泉州五中")


def first_item(data: Data) -> Data:
    return data["groups"][0]["items"][0]  # type: ignore[no-any-return]


def expert_item(data: Data) -> Data:
    return data["groups"][0]["items"][1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (lambda d: d.pop("award"), "award", "Field required"),
        (lambda d: d.update(awards=3), "awards", "Extra inputs"),
        (lambda d: d["award"].update(places=-1), "award.places", "greater than or equal to 0"),
        (lambda d: d["award"].update(places=True), "award.places", "valid integer"),
        (lambda d: d.update(full_points=90), "the whole", "come to 100 points, not 90"),
        (lambda d: d.update(full_points=float("nan")), "full_points", "finite"),
        (lambda d: d.update(title="评选方案"), "the whole", "must say 示例"),
        (lambda d: d.update(missing="skip"), "missing", "'not_scored' or 'zero'"),
        (lambda d: d["groups"][1].update(points=36), "groups[1]", "35 points, not 36"),
        (lambda d: d["groups"][1].update(id="building"), "the whole", "twice as an id: building"),
        (lambda d: first_item(d).update(id="depth"), "the whole", "twice as an id: depth"),
        (
            lambda d: first_item(d).update(measure="open_resource"),
            "groups[0].items[0].measure",
            "x",
        ),
        (lambda d: first_item(d).update(measure="depth_index"), "groups[0].items[0]", "by machine"),
        (lambda d: first_item(d).update(full_at=3), "groups[0].items[0]", "bands or full_at"),
        (lambda d: first_item(d).pop("bands"), "groups[0].items[0]", "bands or full_at"),
        (lambda d: first_item(d)["bands"].pop(0), "groups[0].items[0]", "start at 0"),
        (lambda d: first_item(d)["bands"].reverse(), "groups[0].items[0]", "bands must start at 0"),
        (lambda d: first_item(d)["bands"].pop(), "groups[0].items[0]", "the last to max (10)"),
        (lambda d: first_item(d)["bands"][2].update(at_least=3), "groups[0].items[0]", "must rise"),
        (lambda d: first_item(d)["bands"][1].update(points=8), "groups[0].items[0]", "must rise"),
        (lambda d: expert_item(d).pop("levels"), "groups[0].items[1]", "needs levels"),
        (lambda d: expert_item(d).update(measure="pages"), "groups[0].items[1]", "no measure"),
        (
            lambda d: expert_item(d)["levels"][2].update(at_least=11),
            "groups[0].items[1]",
            "above max",
        ),
        (lambda d: d["tie_breaks"][0].update(item="nix"), "the whole", "unknown item 'nix'"),
        (lambda d: d["tie_breaks"][0].update(measure="pages"), "tie_breaks[0]", "either an item"),
        (lambda d: d["rural"].update(mode="bonus"), "rural", "bonus_points belong"),
        (lambda d: d["rural"].update(mode="none"), "rural", "share_percent belongs"),
        (lambda d: d["rural"].update(share_percent=101), "rural.share_percent", "less than"),
        (lambda d: d["rural"].update(kinds=["far"]), "rural.kinds[0]", "'rural'"),
        (
            lambda d: d["quotas"]["counties"]["units"].append({"name": "鲤城 区", "places": 1}),
            "quotas",
            "named twice: 鲤城区",
        ),
        (
            lambda d: d["quotas"]["direct"]["schools"][1]["aliases"].append("泉州一中"),
            "quotas",
            "named twice: 泉州一中",
        ),
        (lambda d: d["quotas"]["counties"].pop("source"), "quotas.counties.source", "required"),
    ],
)
def test_errors_name_file_and_field(
    change: Callable[[Data], object], place: str, says: str
) -> None:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(altered(change), "ours.yaml")
    assert str(caught.value).startswith(f"ours.yaml: {place}: ")
    assert says in str(caught.value)


def test_every_wrong_field_is_named() -> None:
    def change(data: Data) -> None:
        del data["award"]
        data["groups"][2]["items"][0]["max"] = 0

    with pytest.raises(SchemeError) as caught:
        parse_scheme(altered(change), "ours.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["groups[2].items[0].max", "award"]


@pytest.mark.parametrize("text", ["", "- a\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(SchemeError, match="is a mapping"):
        parse_scheme(text, "ours.yaml")


def test_broken_yaml_names_its_line() -> None:
    with pytest.raises(SchemeError, match=r"ours\.yaml: not valid YAML: (?s:.*)line 2"):
        parse_scheme("id: x\n  bad: [", "ours.yaml")


def test_unknown_scheme_says_what_ships() -> None:
    with pytest.raises(SchemeError, match="sample-2022"):
        load_scheme("nix")
    with pytest.raises(SchemeError, match="give the path"):
        load_scheme("/nowhere/nix.yaml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_bytes(SAMPLE.encode("gb18030"))
    with pytest.raises(SchemeError, match="UTF-8"):
        load_scheme(path)


def test_a_bureaus_file_loads_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(altered(lambda data: data.update(id="ours")), encoding="utf-8")
    assert load_scheme(path).id == "ours"


def test_digest_follows_what_is_said_not_how() -> None:
    same = parse_scheme(altered(lambda _: None), "x.yaml")
    assert same.digest == load_scheme().digest
    swapped = parse_scheme(altered(lambda d: d["rural"]["kinds"].reverse()), "x.yaml")
    assert swapped.digest == load_scheme().digest
    other = parse_scheme(altered(lambda d: d["award"].update(places=299)), "x.yaml")
    assert other.digest != load_scheme().digest
    fewer = parse_scheme(altered(lambda d: d["rural"].update(kinds=["rural"])), "x.yaml")
    assert fewer.digest != load_scheme().digest


def test_another_rural_policy_makes_another_scheme() -> None:
    scheme = load_scheme()
    none = RuralPolicy(mode=RuralMode.NONE, source="试算", sample=True)
    changed: Scheme = scheme.with_rural(none)
    assert changed.rural == none
    assert changed.digest != scheme.digest
    assert changed.groups == scheme.groups


@pytest.mark.parametrize(
    ("percent", "places", "kept"), [(20, 5, 1), (20, 6, 2), (20, 0, 0), (100, 4, 4), (1, 1, 1)]
)
def test_reserved_share_rounds_up(percent: int, places: int, kept: int) -> None:
    policy = RuralPolicy(
        mode=RuralMode.RESERVED_SHARE, source="试算", sample=True, share_percent=percent
    )
    assert policy.reserved(places) == kept
    assert policy.kinds == {SchoolKind.RURAL, SchoolKind.REMOTE}

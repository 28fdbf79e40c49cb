"""Hosts outside any teaching platform: net disks and shops, by name."""

import pytest

from rules.hosts import KIND_LABELS, offsite_host, offsite_hosts, offsite_kind


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("https://pan.baidu.com/s/1abc", "网盘(百度网盘)"),
        ("https://teacher.lanzouw.com/a", "网盘(蓝奏云)"),
        ("HTTPS://Item.TaoBao.com/x", "网店(淘宝)"),
        ("https://notpan.baidu.com/", None),
        ("https://pan.baidu.com.evil.example/", None),
        ("https://[oops/", None),
        ("mailto:a@b", None),
    ],
)
def test_a_host_is_known_with_its_subdomains(url: str, label: str | None) -> None:
    found = offsite_host(url)
    assert (found.label if found else None) == label
    assert offsite_kind(url) == (found.kind if found else None)


def test_every_host_has_a_kind_in_words_and_a_name() -> None:
    for host, known in offsite_hosts().items():
        assert host == host.lower()
        assert known.kind in KIND_LABELS
        assert known.name

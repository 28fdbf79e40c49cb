"""What the fuzzer starts from: small valid files of each kind, and texts that folding works on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

PACK = """id: own
version: '1'
rules:
  - {id: own.rule.r, title: 示例, family: wording, severity: suspect, mend: 改,
     basis: [{document: 甲, clause: 一, effective_from: 2022-01-01}], phrases: [甲乙],
     patterns: ['甲{0,3}乙'], anchors: [甲], context: {require: [丙], exclude: ["@negation"]},
     should_hit: [甲乙], near_misses: [乙甲]}
"""
NOMINATIONS = """编号,县区,学校,学校类别,姓名,学段,学科,空间名称,空间地址,是否一线教师
s001,鲤城区,示例小学,城区,示例甲,小学,语文,示例空间,http://127.0.0.1/s001,是
"""
TEXTS = (
    "请加\u200b微*信，保zheng提分，薇❤，弓虽，傻傻傻逼，①③⑧",
    "乾隆皇帝看著瞭解，全国人民代表会",
    "身份证350502201003071236，2月30日，珠穆朗玛峰高88米",
)
MANIFEST = '{"snapshot": {"snapshot_id": "a", "crawl_id": "b", "pages": []}}'


def _shipped(folder: str, name: str) -> str:
    return (resources.files("rules") / folder / name).read_text(encoding="utf-8")


def valid() -> Mapping[str, str]:
    """By loader, a file of its kind that it reads or nearly reads."""
    return {
        "packs": PACK,
        "profiles": _shipped("profiles", "generic.yaml"),
        "schemes": _shipped("schemes", "sample-2022.yaml"),
        "manifests": MANIFEST,
        "nominations": NOMINATIONS,
    }


def corpus() -> Path:
    """A new folder with them all, as the targets take them."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, text in enumerate(TEXTS):
        (folder / f"text{number}").write_bytes(b"\0" + text.encode())
    for kind, (name, text) in enumerate(valid().items()):
        flag = b"" if name in {"manifests", "nominations"} else b"\0"
        (folder / name).write_bytes(bytes([kind]) + flag + text.encode())
    return folder

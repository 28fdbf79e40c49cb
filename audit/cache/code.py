"""Digests of the code and the tables that answer, so that an upgrade asks again.

Hand-raised numbers are forgotten; a digest over the files is not. An upgrade that changes one of
them costs one screening from nothing.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

#: Where our packages lie beside each other.
_ROOT = Path(__file__).resolve().parents[2]
#: The distribution whose requirements are what we work with.
_PRODUCT = "spaceaudit"

#: What reads files: the extractors, what they run in, and how kinds of files are told apart.
EXTRACTION = (
    "audit/extract/**/*.py",
    "audit/pictures/*.py",
    "audit/confine*.py",
    "crawler/*.py",
    "models/*.py",
)
#: What holds rules against text, with all its tables; the packs come in by each rule's digest.
MATCHING = ("rules/*.py", "rules/*.yaml", "models/*.py")
#: What makes features of text and asks models; a model comes in by its own digest.
CLASSIFYING = ("audit/*.py", "models/*.py")


@cache
def code_digest(patterns: tuple[str, ...]) -> str:
    """Over the files of these patterns and the versions of all libraries we require."""
    digest = hashlib.sha256(_libraries().encode())
    for path in sorted({path for pattern in patterns for path in _ROOT.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(_ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def _libraries() -> str:
    """Names and versions of what is installed of our requirements."""
    return "\n".join(f"{name} {_version(name)}" for name in sorted(_required()))


def _required() -> set[str]:
    try:
        requirements = metadata.requires(_PRODUCT) or []
    except metadata.PackageNotFoundError:
        requirements = []
    return {_name(requirement) for requirement in requirements}


def _name(requirement: str) -> str:
    """The name before any version, extra or marker."""
    end = next((at for at, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)
    return requirement[:end]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"

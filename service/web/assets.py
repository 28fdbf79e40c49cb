"""The files that pages load, each under an address with its digest, so that browsers keep it for a year.

Our own lie in ``static/``. The kit (Bootstrap, htmx, ECharts) is brought by set-up from npm
(``scripts/provision/kit.py``) and may be missing: pages then load ``plain.css`` in its place and work
without it.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
#: Where set-up puts the kit (scripts/provision/kit.py).
KIT_FOLDER = Path(__file__).parent.parent.parent / ".cache" / "kit"
#: The kit's files that are served. All of them or none: half a kit is harder to use than none.
KIT_FILES = ("bootstrap.min.css", "htmx.min.js", "echarts.min.js")
#: First characters of SHA-256 in an address: a changed file has another address.
_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file that pages load."""

    name: str
    content: bytes = field(repr=False)
    media_type: str
    digest: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files that pages load, by name."""

    files: Mapping[str, Asset]

    @property
    def has_kit(self) -> bool:
        """Whether set-up has installed the kit."""
        return all(name in self.files for name in KIT_FILES)

    def address(self, name: str) -> str:
        """Where a file is served; KeyError for one that is not there."""
        return f"/assets/{self.files[name].digest}/{name}"

    def find(self, digest: str, name: str) -> Asset | None:
        """The file of this name with this content."""
        asset = self.files.get(name)
        return asset if asset is not None and asset.digest == digest else None


def load_assets(kit: Path) -> Assets:
    """Our own files, and the kit's where all of them are in a folder."""
    names = [path for path in sorted(STATIC.iterdir()) if path.is_file()]
    if all((kit / name).is_file() for name in KIT_FILES):
        names += [kit / name for name in KIT_FILES]
    return Assets({path.name: _read(path) for path in names})


@lru_cache(maxsize=1)
def own_assets() -> Assets:
    """Our own files and the kit where set-up puts it."""
    return load_assets(KIT_FOLDER)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(path.name, content, media_type, hashlib.sha256(content).hexdigest()[:_SHOWN])

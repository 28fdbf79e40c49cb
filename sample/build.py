"""Builds what the platform serves: files, pictures and the nomination sheet."""

from __future__ import annotations

from pathlib import Path

from sample.catalog import load_catalog
from sample.files import resource_bytes
from sample.nominations import make_nominations
from sample.pictures import make_picture
from sample.records import Space

BASE_URL = "http://127.0.0.1:8765"
SHEET = "nominations.xlsx"


def build(target: Path, base_url: str = BASE_URL) -> None:
    """Write ``files/``, ``media/`` and ``nominations.xlsx`` into a directory, the same every time.

    Args:
        target: the directory; made when it is not there.
        base_url: where the platform will be, for the addresses in the sheet.

    Raises:
        FontError: the system has no font for Chinese.
    """
    spaces = load_catalog()
    for space in spaces:
        _build_files(space, target / "files" / space.id)
        _build_media(space, target / "media" / space.id)
    (target / SHEET).write_bytes(make_nominations(spaces, base_url))


def _build_files(space: Space, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for resource in space.resources:
        content = resource_bytes(resource)
        if content is not None and resource.name:
            (folder / resource.name).write_bytes(content)


def _build_media(space: Space, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for picture in space.pictures:
        (folder / picture.name).write_bytes(make_picture(picture))

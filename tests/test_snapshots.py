"""Snapshots as pages read them: what is lost or damaged is nothing, not a crash, and may come back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from crawler.store import SnapshotStore
from models.manifest import MANIFEST_NAME, dump_manifest
from models.vocabulary import Visibility
from service.snapshots import StoredSnapshots
from tests.factories import make_manifest

PAGE = "http://space.example/s001"


def whole(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as wacz:
        wacz.writestr(MANIFEST_NAME, dump_manifest(make_manifest("s001", Visibility.PUBLIC)))


def no_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as wacz:
        wacz.writestr("other.txt", "x")


def other_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as wacz:
        wacz.writestr(MANIFEST_NAME, '{"schema_version": 1}')


def no_zip(path: Path) -> None:
    path.write_text("no zip")


def cut_off(path: Path) -> None:
    whole(path)
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize("damage", [Path.unlink, no_manifest, other_manifest, no_zip, cut_off])
def test_what_cannot_be_read_is_nothing_and_comes_back_when_restored(
    tmp_path: Path, damage: object
) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    draft = tmp_path / "draft.wacz"
    whole(draft)
    name = store.put(draft).name
    path = tmp_path / "store" / name
    snapshots = StoredSnapshots(store)
    assert callable(damage)
    damage(path)
    assert snapshots.manifest(name) is None
    assert snapshots.blocks(name, PAGE) == ()
    assert snapshots.screenshot(name, PAGE) is None
    whole(path)
    manifest = snapshots.manifest(name)
    assert manifest is not None
    assert manifest.space == "s001"

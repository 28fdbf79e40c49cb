"""The API's description as it is checked in: written anew with ``python -m service.openapi``."""

from __future__ import annotations

import json
from pathlib import Path

from service.api import bare_api

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def description() -> str:
    """The text of the file."""
    return json.dumps(bare_api().openapi(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(description(), encoding="utf-8")

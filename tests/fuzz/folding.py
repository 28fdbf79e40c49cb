"""``python -m tests.fuzz.folding -runs=100000``."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz.seeds import corpus

with atheris.instrument_imports(include=["rules", "models", "service"]):
    from tests.fuzz.targets import folding

if __name__ == "__main__":
    atheris.Setup([*sys.argv, str(corpus())], folding)
    atheris.Fuzz()

"""``python -m tests.fuzz.loaders -runs=100000``."""

from __future__ import annotations

import sys

import atheris

from tests.fuzz.seeds import corpus

with atheris.instrument_imports(include=["rules", "models", "service"]):
    from tests.fuzz.targets import loaders

if __name__ == "__main__":
    atheris.Setup([*sys.argv, str(corpus())], loaders)
    atheris.Fuzz()

"""Fuzzing by coverage, by hand: ``python -m tests.fuzz.folding -runs=100000``.

Each target takes bytes and holds what must be true of any input; what a loader documents as its
error is no fault, anything else is. Arguments are libFuzzer's.
"""

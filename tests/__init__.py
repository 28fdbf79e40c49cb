"""The tests; each module is named after what it tests."""

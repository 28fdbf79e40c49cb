"""Gate, scores, quotas and selection: pure functions over frozen records.

Nothing here reads a table, a file or the clock: what is known of each space, the scheme and the
time come in, and a ranking comes out that says why every space stands where it does.
"""

"""A nominated address in, an immutable snapshot out.

Knows no database, no rule pack and no judgement of content: it brings home evidence.
"""

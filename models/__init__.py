"""The shared vocabulary of spaceaudit: closed terms, tables, the snapshot manifest, the database.

Every other package may import this one; it imports none of ours.
"""

"""What is held against a space, as data: rule packs, site profiles, schemes, policies.

Text in, hits out. Nothing here does I/O beyond reading its own files.
"""

"""Provides what the project runs on: environment, packages, browser, fonts, servers.

Runs before anything is installed: the standard library only. Each module is one step; a step looks
first, and does something only when what it looks for is missing.
"""

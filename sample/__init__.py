"""A small but real teacher-space website with known truth, to try the product on.

The content is data (``sample/content``); the site, its files, the nomination sheet and the truth are
all made from it, so they cannot disagree. The product never reads the truth.
"""

"""What screening worked out before, kept in the data directory, so that it is not done again.

Every key holds all that the answer depends on: the content's digest, and the digests of the rule,
the model and the code that answered. So a kept answer is the answer, a verdict's basis does not
change by it, and a cache that is wiped, damaged or full only costs time.
"""

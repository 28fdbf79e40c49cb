"""The judgement: text out of a snapshot, screened, reviewed by people, and ended in a verdict."""

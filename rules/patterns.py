"""Regular expressions that people write into packs and profiles."""

from __future__ import annotations

import re
import warnings


def refuse_pattern(pattern: str) -> None:
    """Refuse what is no regular expression, or one that Python will read otherwise some day.

    Raises:
        ValueError: with the reason.
    """
    with warnings.catch_warnings():
        # "Possible nested set": what such a pattern means is not settled.
        warnings.simplefilter("error", FutureWarning)
        try:
            re.compile(pattern)
        except (re.error, FutureWarning, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{pattern!r} is not a regular expression ({error}); mend it, and put it in single quotes"
            ) from error

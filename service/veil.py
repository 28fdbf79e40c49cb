"""Personal data on the pages: hidden until somebody with the right opens it, one finding at a time.

What is hidden keeps its length, so that the places of findings hold in the hidden text too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.tables import Finding
from service.wording import masked

#: Families whose findings frame personal data.
PRIVATE_FAMILIES = frozenset({"personal-data"})
#: Leading characters that stay readable where no number was found: enough to see what kind it is.
_SHOWN_OF_WORDS = 2


def is_private(finding: Finding) -> bool:
    """Whether what a finding frames is personal data."""
    return finding.family in PRIVATE_FAMILIES


@dataclass(frozen=True, slots=True)
class Veil:
    """Hides the personal data of one space from one person.

    Attributes:
        hidden: Words that findings frame, the longest first.
        shown: Words that the person has opened: they stay as they are.
        opened: Fingerprints of the findings that the person has opened.
    """

    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    opened: frozenset[str] = frozenset()

    def __call__(self, text: str) -> str:
        """The text as the person may see it."""
        covered = list(masked(text))
        for words in self.hidden:
            for start in _places(text, words):
                covered[start : start + len(words)] = _covered(words)
        for words in self.shown:
            for start in _places(text, words):
                covered[start : start + len(words)] = words
        return "".join(covered)

    def covers(self, finding: Finding) -> bool:
        """Whether what a finding frames is hidden."""
        return is_private(finding) and finding.fingerprint not in self.opened


def veil_over(findings: Iterable[Finding], opened: Iterable[str] = ()) -> Veil:
    """The veil over the personal data that findings frame, but for the fingerprints opened."""
    private = [each for each in findings if is_private(each)]
    free = frozenset(opened)
    return Veil(
        hidden=_words(each for each in private if each.fingerprint not in free),
        shown=_words(each for each in private if each.fingerprint in free),
        opened=free,
    )


def _words(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(sorted({each.text for each in findings if each.text}, key=len, reverse=True))


def _places(text: str, words: str) -> Iterator[int]:
    start = text.find(words)
    while start >= 0:
        yield start
        start = text.find(words, start + len(words))


def _covered(words: str) -> str:
    hidden = masked(words)
    if hidden != words:
        return hidden
    shown = min(_SHOWN_OF_WORDS, len(words) - 1)
    return words[:shown] + "*" * (len(words) - shown)

"""Ways to write a phrase past a word list: each takes a phrase and gives it evaded, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from rules.loosening import part_pairs
from rules.sounds import syllable_of

Evasion = Callable[[str], str | None]

_TRADITIONAL = str.maketrans("国学试费网电话级级赌买卖证资钱", "國學試費網電話級級賭買賣證資錢")


def _between(filler: str) -> Evasion:
    return filler.join


def _changed(table: Mapping[int, int]) -> Evasion:
    def evade(phrase: str) -> str | None:
        changed = phrase.translate(table)
        return None if changed == phrase else changed

    return evade


@cache
def _taken_apart() -> Mapping[str, str]:
    apart: dict[str, str] = {}
    for pair, whole in part_pairs().items():
        apart.setdefault(whole, pair)
    return apart


def split_one(phrase: str) -> str | None:
    """One character written as its parts."""
    at = next((i for i, c in enumerate(phrase) if c in _taken_apart()), None)
    return None if at is None else phrase[:at] + _taken_apart()[phrase[at]] + phrase[at + 1 :]


def pinyin_at(place: int) -> Evasion:
    """One character written in letters."""

    def evade(phrase: str) -> str | None:
        syllable = syllable_of().get(phrase[place])
        return syllable and phrase[:place] + syllable + phrase[place:][1:]

    return evade


def initial(phrase: str) -> str | None:
    """The second character written as its initial."""
    syllable = syllable_of().get(phrase[1])
    return syllable and phrase[0] + syllable[0] + phrase[2:]


def in_letters(phrase: str) -> str | None:
    """All of it in letters."""
    syllables = [syllable_of().get(c) for c in phrase]
    return "".join(s for s in syllables if s) if all(syllables) else None


def homophone(phrase: str) -> str | None:
    """The second character written as another of the same sound, the first there is."""
    sound = syllable_of().get(phrase[1])
    others = (c for c in _common() if syllable_of()[c] == sound and c != phrase[1])
    other = next(others, None)
    return other and phrase[0] + other + phrase[2:]


@cache
def _common() -> tuple[str, ...]:
    return tuple(c for c in syllable_of() if "\u4e00" <= c <= "\u9fff")


EVASIONS: Mapping[str, Evasion] = {
    "as it is": lambda phrase: phrase,
    "zero width space": _between("\u200b"),
    "zero width joiner": _between("\u200d"),
    "right-to-left mark": _between("\u200f"),
    "word joiner": _between("\u2060"),
    "invisible separator": _between("\u2063"),
    "byte order mark": _between("\ufeff"),
    "soft hyphen": _between("\u00ad"),
    "grapheme joiner": _between("\u034f"),
    "variation selector": _between("\ufe0f"),
    "bidi isolate": _between("\u2068"),
    "tag": _between("\U000e0041"),
    "hangul filler": _between("\u3164"),
    "stroke over": _between("\u0336"),
    "traditional": _changed(_TRADITIONAL),
    "space": _between(" "),
    "ideographic space": _between("\u3000"),
    "asterisk": _between("*"),
    "middle dot": _between("·"),
    "full stop": _between("."),
    "underscore": _between("_"),
    "ellipsis": _between("…"),
    "dashes": _between("--"),
    "comma": _between("，"),
    "enumeration comma": _between("、"),
    "line each": _between("\n"),
    "emoji": _between("👍"),
    "heart": _between("❤️"),
    "brackets": lambda phrase: phrase[0] + f"【{phrase[1]}】" + phrase[2:],
    "one asterisk": lambda phrase: phrase[0] + "*" + phrase[1:],
    "first repeated": lambda phrase: phrase[0] * 4 + phrase[1:],
    "each doubled": lambda phrase: "".join(c + c for c in phrase),
    "split character": split_one,
    "pinyin first": pinyin_at(0),
    "pinyin last": pinyin_at(-1),
    "initial": initial,
    "all in letters": in_letters,
    "homophone": homophone,
}


def evaded(phrases: list[str]) -> Iterator[tuple[str, str, str]]:
    """Each phrase in each way that changes it: name of the way, phrase, as written."""
    for name, evade in EVASIONS.items():
        for phrase in phrases:
            written = evade(phrase)
            if written is not None:
                yield name, phrase, written

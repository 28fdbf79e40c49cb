"""What a list of words would flag on stored snapshots, before it takes effect. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlmodel import Session, select

from audit.records import newest_snapshot
from audit.screening import screen
from models.database import session
from models.tables import Campaign
from models.vocabulary import Part, Severity
from rules.families import families
from rules.folding import fold
from rules.hits import Hit
from rules.lexicon import Entry, Lexicon, Use
from rules.lists import ListEntry, list_pack
from rules.matcher import Matcher
from rules.pack import RulePack
from rules.segmentation import on_word_boundaries
from service.nominations import NominatedSpace, current_nominations
from service.wording import masked
from service.workbench import Workbench

#: A word with more hits in 10,000 characters stands in ordinary text. Statutes, all of them lawful,
#: are held to the same bound over all rules together.
MOST_PER_10_000 = 1.0
#: Fewer hits say nothing about a rate.
_FEWEST_HITS = 3
_EXAMPLES = 3
_AROUND = 24


@dataclass(slots=True)
class PhraseTrial:
    """What became of one word of a list."""

    entry: ListEntry
    #: Occurrences as mere characters; those that only run across two words; those that stand.
    raw: int = 0
    crossing: int = 0
    hits: int = 0
    spaces: set[str] = field(default_factory=set)
    #: (space, the hit in its context).
    examples: list[tuple[str, str]] = field(default_factory=list)
    #: Harmless sentences (lessons, notices, prohibitions) of the built-in rules that it flags.
    lessons: int = 0

    @property
    def softened(self) -> int:
        """Occurrences that fell by their context, or inside a longer word of the list."""
        return max(0, self.raw - self.crossing - self.hits)

    def warning(self, characters: int) -> str:
        """Why the word looks as if it blocked too much; "" when it does not."""
        rate = self.hits / characters * 10_000 if characters else 0.0
        if self.hits >= _FEWEST_HITS and rate > MOST_PER_10_000:
            return f"每万字命中 {rate:.1f} 处，疑似误伤过多"
        if self.lessons:
            return f"命中 {self.lessons} 个正常例句，疑似误伤教学内容"
        return ""


@dataclass(slots=True)
class ListTrial:
    """The trial of a whole list."""

    phrases: dict[str, PhraseTrial]
    snapshots: int = 0
    characters: int = 0

    @property
    def hits(self) -> int:
        """Hits of all words."""
        return sum(each.hits for each in self.phrases.values())


class TrialMatcher(Matcher):
    """A matcher that keeps count of what every phrase would do."""

    def __init__(self, pack: RulePack, entries: Iterable[ListEntry]) -> None:
        super().__init__(pack)
        self.trial = ListTrial({fold(entry.phrase).text: PhraseTrial(entry) for entry in entries})
        self.space = ""
        self._raw = Lexicon(Entry(0, Use.PHRASE, phrase) for phrase in self.trial.phrases)

    def match(
        self,
        text: str,
        *,
        subject: str | None = None,
        stage: str | None = None,
        part: Part | None = None,
        on: date | None = None,
    ) -> list[Hit]:
        """The hits, counted by phrase on the way."""
        hits = super().match(text, subject=subject, stage=stage, part=part, on=on)
        self.trial.characters += len(text)
        self._count_raw(text)
        for hit in hits:
            self._count(text, hit)
        return hits

    def _count_raw(self, text: str) -> None:
        folded = fold(text).text
        for occurrence in self._raw.scan(folded):
            known = self.trial.phrases[fold(occurrence.entry.phrase).text]
            known.raw += 1
            known.crossing += not on_word_boundaries(folded, occurrence.start, occurrence.end)

    def _count(self, text: str, hit: Hit) -> None:
        known = self.trial.phrases.get(hit.matched)
        if known is None:
            return
        known.hits += 1
        known.spaces.add(self.space)
        if len(known.examples) < _EXAMPLES:
            low = max(0, hit.start - _AROUND)
            shown = f"{text[low : hit.start]}【{hit.text}】{text[hit.end : hit.end + _AROUND]}"
            known.examples.append((self.space, masked(" ".join(shown.split()))))


def try_list(
    bench: Workbench,
    entries: Sequence[ListEntry],
    *,
    campaign: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ListTrial:
    """Hold a list against the newest snapshot of every space (of one campaign, or of all)."""
    matcher = TrialMatcher(list_pack("trial", "1", entries), entries)
    tools = replace(bench.tools, pack=matcher.pack, matcher=matcher, classifiers=())
    with session(bench.engine) as current:
        stored = [
            (space, snapshot.wacz)
            for space in _spaces(current, campaign)
            if (snapshot := newest_snapshot(current, space.space_id)) is not None
        ]
    for space, wacz in stored:
        matcher.space = space.code
        progress(space.code)
        with bench.store.reader(wacz) as reader:
            screen(reader, tools, subject=space.subject, stage=space.stage)
        matcher.trial.snapshots += 1
    _try_lessons(matcher, bench.pack)
    return matcher.trial


def _spaces(current: Session, campaign: str | None) -> list[NominatedSpace]:
    campaigns = current.exec(select(Campaign)).all()
    chosen = [each for each in campaigns if campaign in (None, each.code)]
    return [space for each in chosen for space in current_nominations(current, each)]


def _try_lessons(matcher: TrialMatcher, pack: RulePack) -> None:
    """Count, for each phrase, the rules' own harmless sentences that it flags."""
    harmless = {text for rule in pack.rules for text in rule.near_misses}
    for text in harmless:
        flagged = {hit.matched for hit in Matcher.match(matcher, text)}
        for phrase in flagged & set(matcher.trial.phrases):
            matcher.trial.phrases[phrase].lessons += 1


def trial_document(trial: ListTrial) -> dict[str, object]:
    """The trial for machines; the words with most hits first."""
    return {
        "snapshots": trial.snapshots,
        "characters": trial.characters,
        "hits": trial.hits,
        "phrases": [_phrase_document(each, trial.characters) for each in _sorted(trial)],
    }


def _phrase_document(tried: PhraseTrial, characters: int) -> dict[str, object]:
    return {
        "phrase": tried.entry.phrase,
        "family": tried.entry.family,
        "severity": tried.entry.severity.value,
        "hits": tried.hits,
        "spaces": sorted(tried.spaces),
        "raw": tried.raw,
        "crossing_words": tried.crossing,
        "by_context": tried.softened,
        "lessons": tried.lessons,
        "warning": tried.warning(characters),
        "examples": [{"space": space, "context": shown} for space, shown in tried.examples],
    }


def _sorted(trial: ListTrial) -> list[PhraseTrial]:
    rank = {severity: severity.rank for severity in Severity}
    return sorted(
        trial.phrases.values(),
        key=lambda each: (-each.hits, -rank[each.entry.severity], each.entry.number),
    )


HEADERS = ("词", "类别", "命中", "空间", "跨词剔除", "语境剔除", "正常例句", "提醒")


def trial_rows(trial: ListTrial) -> list[tuple[object, ...]]:
    """The trial for people: one row a word, under :data:`HEADERS`."""
    return [
        (
            each.entry.phrase,
            families()[each.entry.family].label,
            each.hits,
            len(each.spaces),
            each.crossing,
            each.softened,
            each.lessons,
            each.warning(trial.characters),
        )
        for each in _sorted(trial)
    ]


def trial_examples(trial: ListTrial) -> list[str]:
    """Where the words would be flagged, in context, a line each."""
    return [f"{space}：{shown}" for each in _sorted(trial) for space, shown in each.examples]

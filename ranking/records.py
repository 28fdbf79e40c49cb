"""What the ranking takes in and what it hands out: small frozen records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.vocabulary import RankingStage, SchoolKind, Term, VerdictState, Visibility
from rules.indicators import Item, Measure
from rules.quota import Quotas, QuotaUnit
from rules.scheme import Scheme


class RankingError(ValueError):
    """The records contradict each other or the scheme; nothing can be ranked until that is mended."""


class GateReason(Term):
    """Why the gate holds a space out."""

    NEVER_CHECKED = "never_checked", "尚未审核"
    STALE = "stale", "审核结论已失效"
    PENDING = "pending", "审核结论为待复核"
    REJECTED = "rejected", "审核结论为不予推荐"
    UNDETERMINED = "undetermined", "审核结论为无法判定"
    EXPIRED = "expired", "审核结论已过有效期"
    NO_VALIDITY = "no_validity", "审核结论没有有效期"
    NOT_PUBLIC = "not_public", "空间未对所有人公开"
    ACCESS_UNKNOWN = "access_unknown", "无法判断空间是否公开"
    COVERAGE_GAP = "coverage_gap", "有内容未筛查"


class Place(Term):
    """Where the selection puts a space."""

    SELECTED = "selected", "入选"
    RESERVE = "reserve", "候补"
    BEYOND_QUOTA = "beyond_quota", "超出名额"
    HELD_OUT = "held_out", "未准入"


class SeatKind(Term):
    """The kind of place a selected space takes."""

    ORDINARY = "ordinary", "普通名额"
    RESERVED = "reserved", "农村偏远保留名额"
    PILOT = "pilot", "“5G+专递课堂”试点增加名额"


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What the ranking may know of a verdict.

    Attributes:
        coverage_complete: Whether everything that was found in the space was screened.
        gaps_allowed: Whether the policy lets what was not screened pass.
        valid_until: The first moment at which the verdict no longer counts.
        reasons: Values of ``VerdictReason``.
        serial: Its number in the verdict feed.
        snapshot_at: When the snapshot that it stands on was taken.
    """

    state: VerdictState
    visibility: Visibility
    coverage_complete: bool
    gaps_allowed: bool
    valid_until: datetime | None
    reasons: tuple[str, ...] = ()
    serial: int | None = None
    snapshot_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A nominated space as the ranking sees it.

    Attributes:
        unit: Who recommends it (推荐单位), or its county.
        pilot: Whether the nomination says that it takes part in the "5G+专递课堂" pilot.
        consent: Whether the participant agreed that all is free and open; None if not said.
        verdict: Its newest verdict; None when it was never checked.
        measures: What was measured of its snapshot, by ``Measure`` value; one that is absent was
            not measured.
        expert_scores: Points of each expert, by the item's id.
        depth_index: From the provincial platform's data; None without.
    """

    space: str
    teacher: str
    school: str
    unit: str
    county: str
    school_kind: SchoolKind | None
    stage: str
    subject: str
    pilot: bool
    front_line: bool
    consent: bool | None
    verdict: VerdictView | None
    measures: Mapping[str, float] = field(default_factory=dict)
    expert_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    depth_index: float | None = None
    title: str = ""
    url: str = ""

    def measured(self, measure: Measure) -> float | None:
        """The value of a measure, None when it is not known."""
        if measure is Measure.DEPTH_INDEX:
            return self.depth_index
        return self.measures.get(measure.value)


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason for which the gate holds a space out, and what it means for this space."""

    reason: GateReason
    sentence: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether a space may be ranked, and every reason if not."""

    holds: tuple[Hold, ...] = ()

    @property
    def admitted(self) -> bool:
        """True only when nothing holds it out."""
        return not self.holds

    @property
    def reasons(self) -> tuple[GateReason, ...]:
        """The reasons' codes."""
        return tuple(hold.reason for hold in self.holds)


@dataclass(frozen=True, slots=True)
class ItemScore:
    """What a space got for one item; ``points`` is None when the item was not scored.

    Attributes:
        values: The measured value, or each expert's points.
    """

    item: Item
    values: tuple[float, ...]
    points: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What a space scored.

    Attributes:
        total: In points of the whole scheme, to two decimals; None when no item was scored.
        points: Sum over the items that were scored.
        scored_max: What those items come to.
        full: What all items come to.
        sample: Whether the scheme is a sample's.
    """

    total: float | None
    points: float
    scored_max: float
    full: float
    items: tuple[ItemScore, ...]
    sample: bool

    @property
    def missing(self) -> tuple[Item, ...]:
        """The items that were not scored."""
        return tuple(score.item for score in self.items if score.points is None)

    def points_of(self, item: str) -> float | None:
        """Points of the item with this id."""
        return next((score.points for score in self.items if score.item.id == item), None)


@dataclass(frozen=True, slots=True)
class Entry:
    """One space in a ranking.

    Attributes:
        unit: Whose places it competes for in the county stage.
        rank: Its place in the order it competes in: its unit's in the county stage, the city's in
            the city stage; None when it does not compete.
        seat: The kind of place it took; None unless selected.
        bonus: Points that the rural policy adds for the order, beside the score.
        county: In the city stage, how it came out of the county stage.
    """

    candidate: Candidate
    unit: QuotaUnit
    gate: GateResult
    score: Score
    place: Place
    rank: int | None = None
    seat: SeatKind | None = None
    bonus: float = 0.0
    county: Entry | None = None

    @property
    def ordering_total(self) -> float | None:
        """The total by which it is ordered."""
        return None if self.score.total is None else round(self.score.total + self.bonus, 2)


@dataclass(frozen=True, slots=True)
class UnitTotals:
    """One unit in numbers; in the city stage ``selected`` counts awards."""

    unit: QuotaUnit
    nominated: int
    held_out: int
    selected: int
    pilot: int
    rural: int
    reserve: int
    beyond: int


@dataclass(frozen=True, slots=True)
class RuralEffect:
    """Who is selected only because of the rural policy, and who would be without it."""

    came_in: tuple[str, ...] = ()
    went_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """A whole selection: the entries in order, and what they stand on.

    In the county stage the entries are ordered unit by unit, in the city stage as a whole; those
    that do not compete come last.
    """

    stage: RankingStage
    at: datetime
    scheme: Scheme
    quotas: Quotas
    entries: tuple[Entry, ...]
    units: tuple[UnitTotals, ...]
    effect: RuralEffect
    warnings: tuple[str, ...]

    @property
    def sample(self) -> bool:
        """Whether made-up numbers went into it; every screen and paper of it says so."""
        return self.scheme.made_up or self.quotas.sample

    @property
    def selected(self) -> tuple[Entry, ...]:
        """The selected entries, in order."""
        return tuple(entry for entry in self.entries if entry.place is Place.SELECTED)

    def entry(self, space: str) -> Entry:
        """The entry of a space.

        Raises:
            RankingError: the space is not in the ranking.
        """
        for entry in self.entries:
            if entry.candidate.space == space:
                return entry
        raise RankingError(f"名单中没有编号为 {space} 的空间。请核对编号。")

"""Holds a report of the product against the sample's truth, and says each thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from models.vocabulary import Severity

#: What the issue asks of the demo. Visibility and openness are measured, so nothing may be wrong;
#: content is found by rules written without sight of these texts, so some may be missed.
TEXT_RECALL = 0.9
#: Recall of all that was planted, in attachments and pictures too, and what lessons may be suspected.
RECALL = 0.97
SUSPECT_SHARE = 0.03
#: Characters on each side by which a hit is tied to one sentence and not to a like one elsewhere.
TIE = 3

Row = Mapping[str, Any]


@dataclass
class Tally:
    """How many of how many, and what is wrong with the rest."""

    right: int = 0
    total: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, fault: str | None) -> None:
        """Count one case; a fault says what is wrong with it."""
        self.total += 1
        if fault is None:
            self.right += 1
        else:
            self.faults.append(fault)

    @property
    def share(self) -> float:
        """The part that is right, 1 when there was nothing to check."""
        return self.right / self.total if self.total else 1.0


@dataclass
class Comparison:
    """A report against the truth."""

    visibility: Tally = field(default_factory=Tally)
    openness: Tally = field(default_factory=Tally)
    text_recall: Tally = field(default_factory=Tally)
    picture_recall: Tally = field(default_factory=Tally)
    #: Hard negatives that raised no alarm of that severity or worse.
    not_serious: Tally = field(default_factory=Tally)
    not_suspect: Tally = field(default_factory=Tally)
    #: Resources in the report of which the truth knows nothing; told, not held against it.
    unknown_resources: list[str] = field(default_factory=list)

    @property
    def all_recall(self) -> Tally:
        """Planted problems in texts and in pictures together; faults of the pictures' alone."""
        text, picture = self.text_recall, self.picture_recall
        faults = [f"in a picture: {fault}" for fault in picture.faults]
        return Tally(text.right + picture.right, text.total + picture.total, faults)

    @property
    def floors(self) -> tuple[tuple[str, Tally, float], ...]:
        """What is held against the report: name, tally, least share."""
        return (
            ("visibility of spaces", self.visibility, 1.0),
            ("openness of resources", self.openness, 1.0),
            ("planted text problems found", self.text_recall, TEXT_RECALL),
            ("problems found, pictures included", self.all_recall, RECALL),
            ("hard negatives not serious", self.not_serious, 1.0),
            ("hard negatives not suspect", self.not_suspect, 1 - SUSPECT_SHARE),
        )

    @property
    def ok(self) -> bool:
        """Whether every floor is reached."""
        return all(tally.share >= floor for _, tally, floor in self.floors)

    def render(self) -> str:
        """A table for people, and each fault by name."""
        lines = [f"{'measure':<34}{'right':>7}{'of':>6}{'share':>9}{'floor':>8}"]
        for name, tally, floor in self.floors:
            verdict = "ok" if tally.share >= floor else "MISSED"
            lines.append(_line(name, tally) + f"{floor:>8.0%}  {verdict}")
        for name, tally, _ in self.floors:
            lines += [f"  {name}: {fault}" for fault in tally.faults]
        lines += [f"  not in the truth: {url}" for url in self.unknown_resources]
        return "\n".join(lines)


def _line(name: str, tally: Tally) -> str:
    return f"{name:<34}{tally.right:>7}{tally.total:>6}{tally.share:>9.1%}"


def compare(report: Row, truth: Row) -> Comparison:
    """Hold a report (``report --format json``) against the truth.

    Args:
        report: the report; its ``spaces`` carry visibility, resources and findings.
        truth: what ``sample/truth.json`` says.

    Returns:
        The tallies with every fault; ``ok`` says whether the floors are reached.
    """
    seen = {space["space"]: space for space in report["spaces"]}
    result = Comparison()
    for space in truth["spaces"]:
        _compare_space(seen.get(space["space"], {}), space, result)
    return result


def _compare_space(seen: Row, space: Row, result: Comparison) -> None:
    result.visibility.add(_visibility_fault(seen, space))
    _compare_resources(seen, space, result)
    findings = seen.get("findings", ())
    for problem in space["problems"]:
        tally = result.picture_recall if problem["medium"] == "picture" else result.text_recall
        found = any(finds(finding, problem) for finding in findings)
        tally.add(None if found else _missed(problem))
    for negative in space["hard_negatives"]:
        alarms = [finding for finding in findings if hits(finding, negative["text"])]
        grave = [one for one in alarms if one["severity"] == Severity.SERIOUS]
        doubts = [one for one in alarms if one["severity"] != Severity.NOTICE]
        result.not_serious.add(_alarm(negative, grave))
        result.not_suspect.add(_alarm(negative, doubts))


def _visibility_fault(seen: Row, space: Row) -> str | None:
    measured = seen.get("visibility", {}).get("state", "not in the report")
    if measured == space["visibility"]:
        return None
    return f"{space['space']}: {measured}, truth {space['visibility']}"


def _compare_resources(seen: Row, space: Row, result: Comparison) -> None:
    measured = {place_of(one["url"]): one["openness"] for one in seen.get("resources", ())}
    known = {place_of(one.get("path") or one["url"]): one["openness"] for one in space["resources"]}
    for place, openness in known.items():
        got = measured.get(place, "not in the report")
        fault = None if got == openness else f"{space['space']} {place}: {got}, truth {openness}"
        result.openness.add(fault)
    result.unknown_resources += [
        f"{space['space']} {place}" for place in measured if place not in known
    ]


def place_of(address: str) -> str:
    """A resource's place: the path on the platform, host and path elsewhere.

    The platform is told by its path, since its host differs from run to run.
    """
    parts = urlsplit(address)
    path = unquote(parts.path)
    return path if not parts.netloc or path.startswith("/files/") else parts.netloc + path


def finds(finding: Row, problem: Row) -> bool:
    """Whether a finding shows a problem: their words overlap, and the family or dimension agrees."""
    agrees = problem["family"] == finding["family"] or problem["dimension"] == finding["dimension"]
    return agrees and _overlap(finding, _plain(problem["text"]))


def _overlap(finding: Row, text: str) -> bool:
    said, context = _plain(finding["text"]), _plain(finding.get("context") or "")
    if said and (said in text or text in said):
        return True
    return any(
        start < end_said and start_said < start + len(text)
        for start in _places(context, text)
        for start_said, end_said in ((at, at + len(said)) for at in _places(context, said))
    )


def hits(finding: Row, text: str) -> bool:
    """Whether a finding lies in a text, told by the words around it."""
    said, plain = _plain(finding["text"]), _plain(text)
    context = _plain(finding.get("context") or "")
    if not context or (context in plain and said in context):
        return bool(said) and said in plain
    windows = (plain[max(0, at - TIE) : at + len(said) + TIE] for at in _places(plain, said))
    return any(window in context for window in windows)


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part) if part else -1
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _plain(text: str) -> str:
    return "".join(text.split()).strip("…").lower()


def _missed(problem: Row) -> str:
    kind = f"{problem['dimension']}/{problem['family']}"
    return f"{problem['id']} {kind} “{problem['text']}” at {problem['path']} ({problem['part']})"


def _alarm(negative: Row, alarms: Sequence[Row]) -> str | None:
    if not alarms:
        return None
    first = alarms[0]
    return f"{negative['id']} “{first['text']}” by {first['rule']} in “{negative['text']}”"

"""Quiet hours: when they begin and end, over midnight and over a change of the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawler.quiet import QuietHoursError, parse_quiet_hours

SCHOOL = "07:30-12:00,14:00-17:30"


@pytest.mark.parametrize(
    ("text", "zone", "now", "until"),
    [
        (SCHOOL, "Asia/Shanghai", "2022-10-10T07:29:59+08:00", None),
        (SCHOOL, "Asia/Shanghai", "2022-10-10T07:30:00+08:00", "2022-10-10T12:00:00+08:00"),
        (SCHOOL, "Asia/Shanghai", "2022-10-10T11:59:59+08:00", "2022-10-10T12:00:00+08:00"),
        (SCHOOL, "Asia/Shanghai", "2022-10-10T12:00:00+08:00", None),
        (SCHOOL, "Asia/Shanghai", "2022-10-10T06:00:00+00:00", "2022-10-10T17:30:00+08:00"),
        ("", "Asia/Shanghai", "2022-10-10T08:00:00+08:00", None),
        # Over midnight, from both sides of it.
        ("22:00-06:00", "Asia/Shanghai", "2022-10-10T23:00:00+08:00", "2022-10-11T06:00:00+08:00"),
        ("22:00-06:00", "Asia/Shanghai", "2022-10-10T05:59:00+08:00", "2022-10-10T06:00:00+08:00"),
        ("22:00-06:00", "Asia/Shanghai", "2022-10-10T06:00:00+08:00", None),
        ("22:00-24:00", "Asia/Shanghai", "2022-10-10T23:30:00+08:00", "2022-10-11T00:00:00+08:00"),
        # Spans that touch or overlap are one, also over midnight and written in any order.
        ("09:00-10:00,08:00-09:00", "UTC", "2022-10-10T08:30:00+00:00", "2022-10-10T10:00:00+00:00"),
        ("08:00-11:00,09:00-10:00", "UTC", "2022-10-10T08:30:00+00:00", "2022-10-10T11:00:00+00:00"),
        ("20:00-24:00,00:00-03:00", "UTC", "2022-10-10T21:00:00+00:00", "2022-10-11T03:00:00+00:00"),
        # As people type it.
        ("7:30-12:00,14:00–17:30", "Asia/Shanghai", "2022-10-10T15:00:00+08:00",
         "2022-10-10T17:30:00+08:00"),
        # Berlin put its clock on from 02:00 to 03:00 on 27 March 2022, and back on 30 October.
        ("01:00-04:00", "Europe/Berlin", "2022-03-27T00:30:00+00:00", "2022-03-27T02:00:00+00:00"),
        ("01:00-04:00", "Europe/Berlin", "2022-10-30T00:30:00+00:00", "2022-10-30T03:00:00+00:00"),
        ("01:00-04:00", "Europe/Berlin", "2022-10-30T03:00:00+00:00", None),
        # Half an hour that does not exist: the span ends when the clock has passed it.
        ("01:00-02:30", "Europe/Berlin", "2022-03-27T00:30:00+00:00", "2022-03-27T01:30:00+00:00"),
    ],
)  # fmt: skip
def test_until_when_it_is_quiet(text: str, zone: str, now: str, until: str | None) -> None:
    found = parse_quiet_hours(text, zone).until(datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(until) if until else None)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "zone", "names"),
    [
        ("7-12", "Asia/Shanghai", "'7-12'"),
        ("07:30-12:60", "Asia/Shanghai", "'07:30-12:60'"),
        ("24:30-25:00", "Asia/Shanghai", "'24:30-25:00'"),
        ("23:00-24:30", "Asia/Shanghai", "'23:00-24:30'"),
        ("08:00-08:00", "Asia/Shanghai", "'08:00-08:00'"),
        ("08:00-12:00 13:00-14:00", "Asia/Shanghai", "'08:00-12:00 13:00-14:00'"),
        ("06:00-22:00,21:00-07:00", "Asia/Shanghai", "leaves no time"),
        ("", "Mars/Olympus", "'Mars/Olympus'"),
        ("", "../../etc/passwd", "'../../etc/passwd'"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, zone: str, names: str) -> None:
    with pytest.raises(QuietHoursError, match=names.replace(".", r"\.")):
        parse_quiet_hours(text, zone)


def test_the_usual_zone_is_known_without_a_time_zone_data_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(name: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr("crawler.quiet.ZoneInfo", nothing)
    now = datetime(2022, 10, 10, 0, 0, tzinfo=UTC)
    assert parse_quiet_hours(SCHOOL, "Asia/Shanghai").until(now) == datetime(
        2022, 10, 10, 4, 0, tzinfo=UTC
    )

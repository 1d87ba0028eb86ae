"""Accepted forms of the time of an as-of query, and the load that it selects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from audit.history.as_of_time import Load, parse_as_of, parse_time
from config.errors import PermanentError
from warehouse.queries import timestamp_literal

FIRST = datetime(2026, 1, 1, 6, 0, tzinfo=UTC)
LOADS = tuple(Load(number, FIRST + timedelta(days=number - 1), None) for number in range(1, 9))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-02T06:00:00+00:00", datetime(2026, 1, 2, 6, tzinfo=UTC)),
        ("2026-01-02 08:00+02:00", datetime(2026, 1, 2, 6, tzinfo=UTC)),
        ("2026-01-02T06:00", datetime(2026, 1, 2, 6, tzinfo=UTC)),
        ("2026-01-02T06:00Z", datetime(2026, 1, 2, 6, tzinfo=UTC)),
        (" 2026-01-02 ", datetime(2026, 1, 2, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_has_a_zone_and_a_day_is_its_end(text: str, meant: datetime) -> None:
    assert parse_time(text) == meant


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "batch 2", ""])
def test_an_error_for_an_invalid_time_lists_the_valid_forms(text: str) -> None:
    with pytest.raises(PermanentError, match=r"not a valid time.*batch:3"):
        parse_as_of(text, LOADS)


def test_a_time_selects_the_last_load_before_or_at_it() -> None:
    assert parse_as_of("2026-01-02T06:00", LOADS).load.batch_id == 2
    assert parse_as_of("2026-01-02T05:59:59.999999", LOADS).load.batch_id == 1
    assert parse_as_of("2026-01-02", LOADS).load.batch_id == 2
    assert parse_as_of("2030-01-01", LOADS).load.batch_id == 8


def test_a_batch_is_the_time_of_its_load() -> None:
    found = parse_as_of("batch:3", LOADS)
    assert (found.at, found.load.batch_id) == (datetime(2026, 1, 3, 6, tzinfo=UTC), 3)


@pytest.mark.parametrize("text", ["2026-01-01T05:59", "batch:9"])
def test_an_error_before_the_first_load_lists_the_loads(text: str) -> None:
    with pytest.raises(PermanentError, match=r"batch:1 at 2026-01-01 06:00:00, .*\.\.\., batch:8 at"):
        parse_as_of(text, LOADS)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("2013-06-30", "batch:1 (read at business time 2013-06-30 18:00:00)"),
        ("2013-07-01", "batch:2 (read at business time 2013-07-01 18:00:00)"),
        ("2013-07-31T12:00", "batch:3 (read at business time 2013-07-02 18:00:00)"),
        ("1999-01-01", "batch:1 (read at business time 2013-06-30 18:00:00)"),
    ],
)
def test_an_error_for_a_business_date_suggests_its_batch(text: str, suggestion: str) -> None:
    clock = datetime(2013, 6, 30, 18)
    known = [replace(load, applied_dts=clock + timedelta(days=load.batch_id - 1)) for load in LOADS[:3]]
    with pytest.raises(PermanentError, match="load time") as refused:
        parse_as_of(text, known)
    assert suggestion in str(refused.value)
    assert "first batch was loaded at 2026-01-01 06:00:00 UTC" in str(refused.value)


def test_the_literal_keeps_every_microsecond() -> None:
    assert timestamp_literal(FIRST.replace(microsecond=7)) == "timestamp '2026-01-01 06:00:00.000007+00:00'"

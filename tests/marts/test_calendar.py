"""dim_date, day by day over thirty years, against Python's own calendar."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jinja2
import pytest

from config.settings import Settings
from warehouse.client import connect
from warehouse.queries import query

SQL = Path(__file__).parents[2] / "vault" / "models" / "marts" / "dim_date.sql"
FIRST, LAST = date(2004, 1, 1), date(2033, 12, 31)

pytestmark = pytest.mark.services


def test_dim_date_agrees_with_python_on_every_day(services: Settings) -> None:
    days = f"(select day as calendar_date from unnest(generate_date_array('{FIRST}', '{LAST}')) as day)"
    sql = jinja2.Environment().from_string(SQL.read_text()).render(ref=lambda _: days)
    rows = {row["date"]: row for row in query(connect(services), sql)}
    assert sorted(rows) == [FIRST + timedelta(number) for number in range((LAST - FIRST).days + 1)]
    wrong = [
        (day, column, row[column], value)
        for day, row in rows.items()
        for column, value in _expected(day).items()
        if row[column] != value
    ]
    assert wrong[:3] == []


def _expected(day: date) -> dict[str, Any]:
    """Return the columns of a day that can be computed with Python's calendar."""
    iso_year, iso_week, iso_day = day.isocalendar()
    day_of_year = day.timetuple().tm_yday
    fiscal_year, fiscal_month = _fiscal(day)
    quarter, half = _part(day.month, 3), _part(day.month, 6)
    fiscal_quarter, fiscal_half = _part(fiscal_month, 3), _part(fiscal_month, 6)
    return {
        "date_key": int(f"{day:%Y%m%d}"),
        "day_number": day.day,
        "day": str(day.day),
        "month": f"{day:%B}",
        "short_month": f"{day:%b}",
        "calendar_month_number": day.month,
        "calendar_month_label": f"CY{day:%Y-%b}",
        "calendar_year": day.year,
        "fiscal_year": fiscal_year,
        "fiscal_month_number": fiscal_month,
        "fiscal_month_label": f"FY{fiscal_year}-{day:%b}",
        "fiscal_period_label": f"FY{fiscal_year}-P{fiscal_month:02}",
        "fiscal_quarter_label": f"FY{fiscal_year}-Q{fiscal_quarter}",
        "fiscal_half_of_year_label": f"FY{fiscal_year}-H{fiscal_half}",
        "fiscal_year_month_key": fiscal_year * 100 + fiscal_month,
        "fiscal_year_quarter_key": fiscal_year * 10 + fiscal_quarter,
        "iso_year": iso_year,
        "iso_week_number": iso_week,
        "day_of_week": f"{day:%A}",
        "day_of_week_number": iso_day % 7 + 1,
        "day_of_year": str(day_of_year),
        "day_of_year_number": day_of_year,
        "calendar_week_label": f"CY{day:%Y}-W{_us_week(day):02}",
        "year_week_key": day.year * 100 + _us_week(day),
        "quarter": f"Q{quarter}",
        "half_of_year": f"H{half}",
        "beginning_of_month": day.replace(day=1),
        "beginning_of_quarter": date(day.year, quarter * 3 - 2, 1),
        "beginning_of_half_year": date(day.year, half * 6 - 5, 1),
        "beginning_of_half_year_key": int(f"{date(day.year, half * 6 - 5, 1):%Y%m%d}"),
        "calendar_day_label": f"{day:%B} {day.day}, {day.year}",
    }


def _part(month: int, length: int) -> int:
    """Return the number of the part of the year, of `length` months, that contains the month."""
    return (month + length - 1) // length


def _fiscal(day: date) -> tuple[int, int]:
    """Return fiscal year and month: the calendar's, two months later."""
    months = day.year * 12 + day.month - 1 + 2
    return months // 12, months % 12 + 1


def _us_week(day: date) -> int:
    """Return the number of weeks that have begun in the year: the first on January 1, then every Sunday."""
    first = day.replace(month=1, day=1)
    return 1 + sum(
        (first + timedelta(number)).isoweekday() == 7 for number in range(1, (day - first).days + 1)
    )

"""Test that only listed files have engine-specific code, and that the documents list every difference."""

import re
from pathlib import Path

import pytest

from tests.checkout.engines import PACKAGES, leaks
from tests.checkout.tracked import ROOT, tracked_files

# Files that may have engine-specific code, with the reason. A folder ends with a slash.
ALLOWED = {
    "warehouse/client.py": "connects to both engines",
    "warehouse/load_jobs.py": "load jobs differ between the engines",
    "config/settings.py": "has address and project of both engines",
    "warehouse/setup/": "sets up a real project only",
    "sandbox/": "is the local warehouse",
    "cli/commands/warehouse.py": "commands that start and stop the local warehouse",
    "warehouse/statements.py": "recognizes a SELECT by dry run or parser",
    "warehouse/emulator_errors.py": "translates error messages of the emulator",
    "operations/cost/scans.py": "uses sqlglot to parse BigQuery SQL",
    "ingestion/changes/key_sets.py": "uses DuckDB on files of keys",
    "vault/profiles.yml": "has address and credentials of both engines",
    "vault/macros/local_engine.sql": "the only file of the vault that checks the engine",
}
MARKER = re.compile(r"\bengine: (?P<name>[a-z-]+)")
ROW = re.compile(r"^\| `(?P<name>[a-z-]+)` \|.*\| (?P<places>[^|]*) \|$", re.M)


def is_allowed(path: Path) -> bool:
    return any(path.as_posix().startswith(place) for place in ALLOWED)


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def code() -> list[Path]:
    tops = {*PACKAGES, "vault"}
    kinds = {".py", ".sql", ".yml", ".j2"}
    return [path for path in tracked_files() if path.parts[0] in tops and path.suffix in kinds]


def test_no_other_file_has_engine_specific_code() -> None:
    assert len(code()) > 200
    found = {str(path): leaks(path, text_of(path)) for path in code() if not is_allowed(path)}
    assert {path: what for path, what in found.items() if what} == {}


def test_every_exception_is_needed() -> None:
    specific = [path.as_posix() for path in code() if leaks(path, text_of(path))]
    needless = {place for place in ALLOWED if not any(path.startswith(place) for path in specific)}
    assert needless <= {"warehouse/setup/"}  # contains only names of its own errors


def test_the_documents_list_exactly_the_differences_in_the_code() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text()
    table = document.partition("## Where the two engines differ")[2].partition("\n## ")[0]
    documented = {
        (row["name"], place)
        for row in ROW.finditer(table)
        for place in re.findall(r"`([^`]+)`", row["places"])
    }
    marked = {(hit["name"], path.as_posix()) for path in code() for hit in MARKER.finditer(text_of(path))}
    assert marked == documented
    assert len({name for name, _ in marked}) > 8


@pytest.mark.parametrize(
    "path",
    [
        "warehouse/client.py",
        "warehouse/load_jobs.py",
        "vault/profiles.yml",
        "vault/macros/local_engine.sql",
    ],
)
def test_every_check_of_the_engine_has_a_named_difference(path: str) -> None:
    """The marker is in the line that checks the engine, or above it."""
    lines = text_of(Path(path)).splitlines()
    check = re.compile(
        r"\b(settings\.target ==|settings\.warehouse_url is|target\.name|WWI_WAREHOUSE_URL', )"
    )
    for number, line in enumerate(lines):
        if check.search(line):
            near = lines[max(0, number - 8) : number + 1]
            assert any(MARKER.search(each) for each in near), f"{path}:{number + 1}: {line}"


@pytest.mark.parametrize(
    ("path", "injected"),
    [
        ("flows/x.py", "if settings.target == 'local':\n    pass"),
        ("flows/x.py", "if run.settings.target != 'bigquery':\n    pass"),
        ("audit/x.py", "where = own_settings.target"),
        ("ingestion/x.py", "address = settings.warehouse_url"),
        ("ingestion/x.py", "settings.model_copy(update=dict(warehouse_url=None))"),
        ("ingestion/x.py", "from config.settings import LOCAL_PROJECT"),
        ("ingestion/x.py", "import duckdb"),
        ("audit/x.py", "from bqemulator.cli import main"),
        ("audit/x.py", "project = 'wwi-local'"),
        ("audit/x.py", "message = f'the emulator says {1}'"),
        ("vault/models/x.sql", "select 1 {% if target.name == 'local' %} as a {% endif %}"),
        ("vault/macros/x.sql", "{% if target.type == 'bigquery' %}{% endif %}"),
        ("vault/models/x.sql", "select a::int64 from t"),
        ("vault/models/x.sql", "select strftime('%Y', a) from t"),
        ("vault/models/x.sql", "select a from t where b ilike 'x'"),
        ("vault/models/x.sql", "select * exclude (a) from t"),
        ("vault/models/x.sql", "select * from t asof join u using (a)"),
        ("vault/models/x.sql", "select try_cast(a as int64) from t"),
        ("vault/models/x.sql", "select list_aggregate(a, 'sum') from t"),
        ("vault/models/x.sql", "select cast(a as varchar) from t"),
        ("vault/models/x.yml", "models: [{name: x, config: {enabled: \"{{ target.name == 'local' }}\"}}]"),
        ("metadata/codegen/templates/x.j2", "{% if target.name == 'local' %}x{% endif %}"),
    ],
)
def test_injected_engine_specific_code_is_found(path: str, injected: str) -> None:
    assert leaks(Path(path), f"\n{injected}\n")[0].startswith("2: ")


@pytest.mark.parametrize(
    ("path", "harmless"),
    [
        ("flows/x.py", '"""The emulator does it otherwise."""\nx = 1  # settings.target, duckdb'),
        ("flows/x.py", "folder = settings.home / dbt.TARGET\ntarget = 'local'"),
        ("vault/models/x.sql", "-- the emulator: a::int64\nselect 1 {# target.name #} /* ilike */"),
        ("vault/models/x.sql", "{% for n in range(3) %}select date_diff(a, b, day){% endfor %}"),
        ("tests/x.py", "import duckdb"),
        ("docs/x.yml", "target.name"),
    ],
)
def test_comments_and_similar_names_are_not_reported(path: str, harmless: str) -> None:
    assert leaks(Path(path), harmless) == []

"""Test that our patches of the emulator do not change its translations, except for quoted names."""

import json
import subprocess
import sys
from pathlib import Path

import sqlglot
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify

from tests.sandbox.emulator.translate import SCHEMA, STATEMENTS


def translated(root: Path, *how: str) -> list[tuple[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.emulator.translate", *how],
        cwd=root, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [tuple(each) for each in json.loads(done.stdout.splitlines()[-1])]


def qualified(translations: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Qualify columns and quote names, as the unpatched emulator does."""
    return [(kind, sql if "Err(" in sql else qualified_statement(sql)) for kind, sql in translations]


def qualified_statement(sql: str) -> str:
    tree = sqlglot.parse_one(sql, read="duckdb")
    schema = {"a__b": SCHEMA}
    try:
        return qualify(tree.copy(), schema=schema, dialect="duckdb", infer_schema=True).sql("duckdb")
    except OptimizeError:  # an unknown column: the emulator leaves the statement unchanged
        return tree.sql("duckdb")


def test_the_patched_emulator_answers_like_the_original(project_root: Path) -> None:
    plain, patched = translated(project_root), translated(project_root, "patched")
    assert len(plain) == 2 * len(STATEMENTS)
    assert qualified(patched) == qualified(plain)
    kinds = [kind for kind, _ in plain]
    assert {"SELECT", "CREATE_TABLE_AS_SELECT", "CREATE_VIEW", "MERGE", "INSERT", "UPDATE"} <= set(kinds)
    assert sum("Err(" in sql for _, sql in plain) == 2, "only the last statement is invalid"

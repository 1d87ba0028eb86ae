"""Test the command line: help texts, results on stdout, and clear errors with an exit code."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import typer.main

from cli import app, main
from cli.pages import output
from config.settings import Settings
from tests.checkout.engines import PACKAGES
from tests.cli.conftest import Run
from transform.dbt_invocation import node_logger


def without_idle_zeros(text: str) -> str:
    """Remove trailing zeros of numbers, which depend on the engine."""
    return re.sub(r"(\.\d*?[1-9])0+\b", r"\1", text)


def _commands() -> Iterator[tuple[str, ...]]:
    root = typer.main.get_command(app)
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]
        yield (name,)
        yield from ((name, sub) for sub in sorted(getattr(command, "commands", {})))


def test_no_command_is_added_or_removed_by_accident() -> None:
    source = {
        ("source", name) for name in ("up", "down", "reset", "simulate", "restore", "dsn", "grants", "psql")
    }
    warehouse = {("warehouse", name) for name in ("up", "down", "reset", "url")}
    project = {("bigquery",), ("bigquery", "setup")}
    loading = ("ingest", "build", "rebuild", "run", "serve", "demo", "deps")
    questions = ("status", "reconcile", "cost", "trace", "query", "history", "asof", "functions")
    pages = ("dashboard", "docs")
    audit = {("audit",), ("audit", "verify"), ("erase",), ("erase", "person")}
    single = {(name,) for name in (*loading, *questions, *pages)}
    groups = {("source",), ("warehouse",)}
    assert set(_commands()) == source | warehouse | project | audit | single | groups


@pytest.mark.parametrize("command", list(_commands()), ids=" ".join)
def test_every_command_and_option_has_a_help_text(command: tuple[str, ...], wwi: Run) -> None:
    shown = wwi(*command, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert "Usage:" in shown.out
    found = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]  # type: ignore[attr-defined]
    assert found.help
    without_help = [parameter.name for parameter in found.params if not getattr(parameter, "help", None)]
    assert [name for name in without_help if name != "help"] == []


def test_help_imports_no_heavy_module() -> None:
    code = "import cli, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    heavy = {"prefect", "dbt", "pyarrow", "google.cloud.bigquery", "pydantic", "psycopg"}
    assert heavy.isdisjoint(done.stdout.split())


def test_an_invalid_command_line_is_a_usage_error(wwi: Run) -> None:
    assert wwi("ingest", "--no-such-option").code == 2
    assert wwi("no-such-command").code == 2
    assert wwi("query").code == 2


def test_an_invalid_setting_is_reported(wwi: Run, no_services: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WWI_READERS", "none")
    shown = wwi("status")
    assert shown.code == 1
    assert "WWI_READERS" in shown.err
    assert "Traceback" not in shown.err


def test_an_unknown_table_is_reported_with_the_closest_name(wwi: Run, no_services: Path) -> None:
    shown = wwi("ingest", "--table", "sales.custmers")
    assert shown.code == 1
    assert "sales.custmers" in shown.err
    assert "Did you mean 'sales.customers'?" in shown.err


@pytest.mark.parametrize(
    "command", [["reconcile"], ["status"], ["dashboard"], ["query", "select 1"], ["build"], ["ingest"]]
)
def test_without_a_warehouse_every_command_says_how_to_start_one(
    command: list[str], wwi: Run, no_services: Path
) -> None:
    shown = wwi(*command)
    assert (shown.code, shown.out) == (1, "")
    assert "wwi warehouse up" in shown.err
    assert "Traceback" not in shown.err


def test_a_warehouse_that_does_not_answer_is_an_immediate_error(
    wwi: Run, no_services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WWI_WAREHOUSE_URL", "http://127.0.0.1:9")
    shown = wwi("query", "select 1")
    assert shown.code == 1
    assert "cannot be reached" in shown.err


def test_without_a_source_the_dsn_command_says_how_to_start_one(wwi: Run, no_services: Path) -> None:
    shown = wwi("source", "dsn")
    assert (shown.code, shown.out) == (1, "")
    assert "wwi source up" in shown.err


def test_the_demo_refuses_an_external_source(
    wwi: Run, no_services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WWI_SOURCE_DSN", "postgresql://reader@production/wwi")
    shown = wwi("demo")
    assert shown.code == 1
    assert "WWI_SOURCE_DSN" in shown.err
    assert not (no_services / "services").exists()


def test_an_invalid_date_is_a_usage_error(
    wwi: Run, no_services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = wwi("source", "simulate", "--from", "yesterday")
    assert shown.code == 2


@pytest.mark.services
class TestOnTheWarehouse:
    """Commands with a running warehouse."""

    def test_an_invalid_dsn_is_reported_without_its_password(
        self, wwi: Run, running: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WWI_SOURCE_DSN", "postgresql://reader:hidden@127.0.0.1:9/wwi")
        shown = wwi("ingest")
        assert shown.code == 1
        assert "127.0.0.1" in shown.err
        assert "hidden" not in shown.err
        assert "Traceback" not in shown.err

    def test_psql_connects_as_owner_and_returns_its_exit_code(
        self, running: Settings, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["source", "psql", "--no-psqlrc", "-At", "-c", "select current_user, 6 * 7"])
        assert (ended.value.code or 0, capfd.readouterr().out) == (0, "postgres|42\n")
        with pytest.raises(SystemExit) as ended:
            main(["source", "psql", "-v", "ON_ERROR_STOP=1", "-c", "select nothing"])
        assert ended.value.code == 1

    def test_a_query_prints_a_table_json_or_csv(self, wwi: Run, running: Settings) -> None:
        sql = (
            "select 1 as id, numeric '1.25' as price, cast(null as string) as note, date '2013-01-01' as day "
            "union all select 2, numeric '20.75', 'a, \"b\"', date '2013-01-02' order by id"
        )
        as_csv = without_idle_zeros(wwi("query", sql, "--format", "csv").out)
        assert as_csv == 'id,price,note,day\n1,1.25,,2013-01-01\n2,20.75,"a, ""b""",2013-01-02\n'
        as_json = without_idle_zeros(wwi("query", sql, "--format", "json").out)
        assert json.loads(as_json)[0] == {"id": 1, "price": "1.25", "note": None, "day": "2013-01-01"}
        assert "price" in wwi("query", sql).out

    def test_a_long_result_is_truncated_with_a_note(self, wwi: Run, running: Settings) -> None:
        shown = wwi("query", "select n from unnest([1, 2, 3]) as n", "--format", "csv", "--limit", "2")
        assert shown.out.splitlines() == ["n", "1", "2"]
        assert "2 of 3 rows" in shown.err

    def test_an_invalid_statement_shows_the_error_of_the_engine(self, wwi: Run, running: Settings) -> None:
        shown = wwi("query", "select * from wwi_nowhere.nothing")
        assert shown.code == 1
        assert "wwi_nowhere" in shown.err
        assert "Traceback" not in shown.err

    def test_before_the_first_load_status_says_what_to_run(self, wwi: Run, running: Settings) -> None:
        shown = wwi("status")
        assert (shown.code, "wwi run" in shown.out) == (0, True)
        assert json.loads(wwi("status", "--json").out)["batches"] == []

    def test_before_the_first_load_reconcile_fails_with_a_hint(self, wwi: Run, running: Settings) -> None:
        shown = wwi("reconcile")
        assert shown.code == 1
        assert "wwi run" in shown.err

    @pytest.mark.local("a real project has no local URL")
    def test_url_prints_only_the_warehouse_url(self, wwi: Run, running: Settings) -> None:
        assert wwi("warehouse", "url").out.strip() == running.resolve_warehouse_url()


def test_invalid_metadata_stop_a_command_with_file_key_and_fix(project_root: Path, tmp_path: Path) -> None:
    """Use a copy of the project with invalid metadata."""
    for package in PACKAGES:
        shutil.copytree(
            project_root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    broken = tmp_path / "metadata" / "tables" / "sales" / "orders.yml"
    broken.write_text(broken.read_text().replace("primary_key: [order_id]", "primary_key: [ordr_id]"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "WWI_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", "from cli import main; main(['ingest'])"],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert "tables/sales/orders.yml: primary_key" in done.stderr
    assert "ordr_id" in done.stderr
    assert "Traceback" not in done.stderr


def test_numbers_keep_every_digit_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    row = (0.1234567890123456, Decimal("100.00"), Decimal("1E+3"), None, True, b"\x00\xff")
    output.print_csv(("a", "b", "c", "d", "e", "f"), [row])
    assert capsys.readouterr().out.splitlines()[1] == "0.1234567890123456,100.00,1000,,true,AP8="
    output.print_table("", ("a", "b", "c", "d", "e", "f"), [row])
    assert "0.1234567890123456" in capsys.readouterr().out


def test_progress_shows_each_message_once_without_nodes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.getLogger().addHandler(extra_handler := logging.StreamHandler())
    with output.progress():
        logging.getLogger("flows.daily").info("build ...")
        node_logger.info("hub_customer")
        logging.getLogger("google").info("not ours")
    logging.getLogger().removeHandler(extra_handler)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "build ...\n")

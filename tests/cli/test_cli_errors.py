"""Test errors of commands: immediate, in plain words, and as JSON."""

import json
import os
import socket
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from google.cloud.bigquery import Client

from cli.json_errors import wants_json
from cli.service_in_use import check_not_in_use
from config.settings import Settings
from flows.prefect_api import start_serving_api
from metadata.errors import WwiError
from sandbox import postgres, warehouse
from tests.cli.conftest import Run
from warehouse.client import connect
from warehouse.lease import hold
from warehouse.queries import execute


def end_leases_of_other_tests(client: Client) -> None:
    """Expire the leases that other tests wrote into the shared warehouse without a process."""
    for dataset in client.list_datasets(timeout=30):
        tables = {each.table_id for each in client.list_tables(dataset.reference, timeout=30)}
        if "leases" in tables:
            execute(
                client,
                f"update {dataset.dataset_id}.leases set expires_at = current_timestamp() where true",
            )


WITH_JSON = [
    ["status"],
    ["reconcile"],
    ["cost"],
    ["trace", "fct_sale", "1"],
    ["query", "select 1"],
    ["dashboard"],
    ["docs"],
    ["history", "customer", "1"],
    ["asof", "batch:1", "fct_sale"],
    ["audit", "verify"],
    ["erase", "person", "1"],
    ["ingest"],
    ["build"],
    ["build", "--dry-run"],
    ["rebuild"],
    ["run"],
]


@pytest.mark.parametrize("command", WITH_JSON, ids=" ".join)
def test_an_error_is_json_with_the_json_option(command: list[str], wwi: Run, no_services: Path) -> None:
    shown = wwi(*command, "--json")
    assert shown.code == 1
    error = json.loads(shown.out)["error"]
    assert "wwi warehouse up" in error["message"]
    assert (error["exit_code"], error["is_transient"]) == (1, False)
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["status", "--json", "--batchs", "1"], "--batches"),
        (["status", "--json", "--batches", "0"], "--batches"),
        (["trace", "--json"], "FACT"),
        (["trace", "--json", "fct_sale"], "KEY"),
        (["statsu", "--json"], "status"),
        (["query", "--format", "json"], "SQL"),
        (["asof", "--format=json", "batch:1"], "TABLE"),
        (["ingest", "--json", "--from", "yesterday"], "yesterday"),
        (["ingest", "--json", "--to", "2013-01-01"], "--from"),
        (["rebuild", "--json", "--force", "--no-swap"], "--no-swap"),
    ],
)
def test_a_usage_error_is_json_with_the_json_option(
    command: list[str], expected: str, wwi: Run, no_services: Path
) -> None:
    shown = wwi(*command)
    assert shown.code == 2
    error = json.loads(shown.out)["error"]
    assert expected.lower() in error["message"].lower()
    assert error["exit_code"] == 2


def test_only_options_of_the_command_select_json() -> None:
    assert wants_json(["query", "select 1", "--format", "json"])
    assert wants_json(["status", "--json"])
    assert not wants_json(["query", "--format", "csv", "json"])
    assert not wants_json(["asof", "batch:1", "--", "--json"])
    assert not wants_json(["source", "psql", "--json"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["ingest", "--from", "2999-01-01"], "is in the future"),
        (["ingest", "--from", "2013-02-01", "--to", "2013-01-31"], "is before --from"),
        (["ingest", "--to", "2013-01-31"], "--to needs --from"),
        (["ingest", "--from", "2013-02-30"], "2013-02-30"),
        (["ingest", "--table", "application.countries", "--from", "2013-01-01"], "business day"),
        (["build", "--select", " "], "--select is empty"),
        (["build", "--select", "--full-refresh"], "not dbt options"),
        (["trace", "fct_sale", "1", "--where", "true"], "KEY"),
        (["trace", "fct_sale", "--where", "true"], "--measure"),
        (["trace", "fct_sale", "one"], "key"),
        (["query", "select 1", "--limit", "-1"], "--limit"),
        (["query", "select 1", "--format", "xml"], "xml"),
        (["cost", "--days", "0"], "--days"),
        (["serve", "--port", "0"], "--port"),
        (["serve", "--port", "70000"], "--port"),
        (["erase", "person", "1", "--yes"], "--reason"),
        (["asof", "batch:1", "fct_sale", "--diff", "batch:2", "--columns", "a"], "--diff"),
        (["statuss"], "status"),
        (["status", "--jsn"], "--json"),
        (["source", "simulat"], "simulate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_value_is_a_usage_error(
    command: list[str], expected: str, wwi: Run, no_services: Path
) -> None:
    shown = wwi(*command)
    assert (shown.code, shown.out) == (2, "")
    assert expected in shown.err


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["ingest", "--table", "sales.custmers"], "Did you mean 'sales.customers'?"),
        (["trace", "fct_sal", "1"], "Did you mean 'fct_sale'?"),
        (["trace", "fct_sale", "1", "--measure", "quantty"], "Did you mean 'quantity'?"),
        (["trace", "fct_sale", "--measure", "quantty", "--where", "true"], "Did you mean 'quantity'?"),
        (
            ["trace", "fct_sale", "--measure", "quantity", "--where", "sale_ky = 1"],
            "Did you mean 'sale_key'?",
        ),
        (["trace", "fct_sale", "--measure", "quantity", "--where", "1=1) or (1=1"], "not a condition"),
        (["trace", "fct_sale", "--measure", "quantity", "--where", "true; drop table x"], "syntax error"),
        (["history", "custmer", "1"], "Did you mean 'customer'?"),
        (["history", "customer", "one"], "whole number"),
        (["asof", "batch:1", "fct_sal"], "Did you mean 'fct_sale'?"),
        (["functions", "dim_custmer"], "Did you mean 'dim_customer'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_misspelt_name_gets_a_suggestion_without_any_service(
    command: list[str], expected: str, wwi: Run, no_services: Path
) -> None:
    shown = wwi(*command)
    assert (shown.code, shown.out) == (1, "")
    assert expected in shown.err


def test_a_run_reports_both_stopped_services_before_prefect_starts(wwi: Run, no_services: Path) -> None:
    shown = wwi("run")
    assert (shown.code, shown.out) == (1, "")
    assert "wwi source up" in shown.err
    assert "wwi warehouse up" in shown.err
    assert not (no_services / "prefect").exists()


def test_serve_fails_if_its_port_is_in_use(no_services: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WwiError, match=f"port {port} .* is in use.*--port {port + 1}"):
            start_serving_api(Settings(_env_file=None), port)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.services
class TestOnEmptyServices:
    """Commands with running, empty services."""

    @pytest.mark.parametrize(
        "command",
        [
            ["cost"],
            ["trace", "fct_sale", "1"],
            ["trace", "fct_sale", "--measure", "quantity", "--where", "true"],
            ["functions"],
            ["build"],
            ["build", "--full-refresh"],
            ["build", "--select", "marts"],
            ["reconcile"],
            ["history", "customer", "1"],
            ["asof", "2013-06-30", "fct_sale"],
            ["asof", "batch:1", "fct_sale", "--diff", "batch:2"],
            ["dashboard"],
            ["docs"],
            ["audit", "verify"],
            ["rebuild"],
            ["erase", "person", "1"],
        ],
        ids=" ".join,
    )
    def test_commands_on_an_empty_warehouse_say_what_to_run(
        self, command: list[str], wwi: Run, running: Settings
    ) -> None:
        shown = wwi(*command)
        assert (shown.code, shown.out) == (1, "")
        assert "wwi run" in shown.err
        assert "Traceback" not in shown.err

    def test_a_query_of_an_unbuilt_layer_says_what_to_run(self, wwi: Run, running: Settings) -> None:
        shown = wwi("query", f"select * from {running.dataset('marts')}.fct_sale")
        assert (shown.code, shown.out) == (1, "")
        assert "wwi run" in shown.err

    @pytest.mark.parametrize("command", ["run", "ingest"])
    def test_a_source_without_tables_is_an_error_before_the_run_starts(
        self, command: str, wwi: Run, running: Settings
    ) -> None:
        shown = wwi(command)
        assert (shown.code, shown.out) == (1, "")
        assert "the source is empty" in shown.err
        assert "wwi source simulate" in shown.err
        assert len(shown.err.splitlines()) < 5
        assert not (running.home / "prefect").exists()

    def test_a_source_with_tables_but_no_rows_is_empty(
        self, wwi: Run, running: Settings, source_dsn: str
    ) -> None:
        with psycopg.connect(source_dsn, autocommit=True) as admin:
            admin.execute("create schema application")
            admin.execute("create table application.countries (country_id int primary key)")
        shown = wwi("run")
        assert shown.code == 1
        assert "the source is empty" in shown.err
        assert "has a row" in shown.err

    @pytest.mark.local("a real project cannot be stopped")
    @pytest.mark.parametrize("service", ["source", "warehouse"])
    def test_a_service_is_not_stopped_while_a_run_uses_it(
        self, service: str, wwi: Run, running: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WWI_SOURCE_DSN")
        local = running.model_copy(update={"source_dsn": None})
        end_leases_of_other_tests(connect(running))
        check_not_in_use(local, service, force=False)
        with hold(connect(running), running, "ingest"):
            for command in ("down", "reset"):
                shown = wwi(service, command)
                assert (shown.code, shown.out) == (1, "")
                assert f"process {os.getpid()}" in shown.err
                assert "--force" in shown.err
            check_not_in_use(local, service, force=True)
        assert postgres.up(running)["pid"]
        assert warehouse.answers(running.resolve_warehouse_url(), running.project)

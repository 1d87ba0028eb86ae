"""Erase a person. The file is named so that it runs last: it changes the shared business.

tests/vault/test_delivery.py continues with this business and checks that raw and vault still agree.
"""

import os
import signal
import subprocess
import sys

import pytest

from audit.history.versions import history
from audit.reconciliation.reconcile import reconcile
from audit.verification.verify import verify
from config.errors import PermanentError
from metadata.errors import WwiError
from metadata.reconciliation import load_reconciliation
from operations.erasure.erase import erase
from tests.marts.business import Business
from warehouse.ledger.tables import layout
from warehouse.queries import execute, query
from warehouse.tables import ensure_table

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]

# tables with the name, in the order in which an erasure changes them
RAW = ("raw.application__people", "raw.sales__invoices", "raw.purchasing__suppliers", "raw.sales__orders")
VAULT = ("raw_vault.sat_person__personal", "raw_vault.sat_supplier__details", "raw_vault.ref_delivery_method")
MARTS = ("marts.dim_customer_unmasked", "marts.dim_supplier_unmasked")

# `python -c KILLED_AFTER module.function person_id`: the process is killed right after that function
KILLED_AFTER = """
import importlib, os, signal, sys
from operations.erasure.erase import erase
from config.settings import Settings
from metadata.load import load_catalog

module, _, name = sys.argv[1].rpartition(".")
place = importlib.import_module(module)
step = getattr(place, name)

def last(*arguments, **options):
    step(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(place, name, last)
erase(Settings(_env_file=None), load_catalog(), int(sys.argv[2]), yes=True, reason="asked")
"""
STEPS = {
    "operations.erasure.personal_values.find_in_raw": (*RAW, *VAULT, *MARTS),
    "ingestion.staged_files.delete_all": (*VAULT, *MARTS),
    "operations.swap.refill": MARTS,
}


def holding(business: Business) -> tuple[str, ...]:
    """Return the tables that contain the name."""
    found = []
    for place in (*RAW, *VAULT, *MARTS):
        layer, _, table = place.partition(".")
        sql = (
            f"select count(*) as n from {business.settings.dataset_prefix}_{layer}.{table} as t "
            "where strpos(to_json_string(t), @name) > 0"
        )
        if query(business.client, sql, {"name": business.person.name})[0]["n"]:
            found.append(place)
    return tuple(found)


def kill_after(business: Business, step: str) -> None:
    """Run an erasure in a process that is killed after this step."""
    settings = business.settings
    named = {
        name: getattr(settings, name) for name in ("home", "target", "bigquery_project", "dataset_prefix")
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER, step, str(business.person.key)],
        env=os.environ | {f"WWI_{name.upper()}": str(value or "") for name, value in named.items()},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]


def test_an_erasure_fails_while_the_source_still_contains_the_name(business: Business) -> None:
    other = business.source(
        f"select min(person_id) from application.people where person_id > {business.person.key}"
    )[0][0]
    before = verify(business.settings, business.catalog)
    with pytest.raises(PermanentError, match=f"update application.people set .* where person_id = {other};"):
        erase(business.settings, business.catalog, other, yes=True, reason="asked")
    with pytest.raises(WwiError, match="never had a row with person_id 987654"):
        erase(business.settings, business.catalog, 987654)
    assert verify(business.settings, business.catalog).head == before.head


def test_a_killed_erasure_is_completed_by_the_next_and_leaves_no_value(business: Business) -> None:
    """The name disappears from raw, vault, marts and rejected values; members and figures stay."""
    settings, catalog, person = business.settings, business.catalog, business.person
    audit = settings.dataset("audit")
    execute(
        business.client,
        f"insert into {audit}.rejected_values (batch_id, table_name, key, column_name, value) "
        "values (999, 'sales.invoices', '{}', 'comments', concat('for ', @name, ', infinity'))",
        {"name": person.name},
    )
    ensure_table(business.client, layout(settings, "test_failures"))
    execute(
        business.client,
        f"insert into {audit}.test_failures (test_name, row_key, value) "
        "values ('any', '1', concat('for ', @name)), ('any', '2', 'of nobody')",
        {"name": person.name},
    )
    figures = (
        "select (select sum(profit) from {m}.fct_sale) as profit, (select count(*) from {v}.hub_person) as n"
    )
    members = "select distinct wwi_customer_id from {m}.dim_customer order by 1"
    before = business.ask(figures), business.ask(members)
    for step, left in STEPS.items():
        kill_after(business, step)
        assert holding(business) == left, step
    assert verify(settings, catalog).findings == (), "also half-way"
    with pytest.raises(WwiError, match=f"the erasure of person {person.key} was interrupted"):
        erase(settings, catalog, 1)

    done = erase(settings, catalog, person.key, yes=True, reason="again", by="ann")
    assert (done.done, done.erasure_id) == (True, 1)
    assert done.searched.values > 1
    # only the copies of marts that these tests created still contain it
    assert done.left
    assert [place for place in done.left if not place.startswith("marts.kept_")] == []
    assert holding(business) == ()
    assert (business.ask(figures), business.ask(members)) == before
    (rejected,) = query(business.client, f"select value from {audit}.rejected_values where batch_id = 999")
    assert rejected["value"] == "for [erased], infinity"
    failures = query(business.client, f"select row_key from {audit}.test_failures where test_name = 'any'")
    assert failures == [{"row_key": "2"}]
    (remark,) = business.ask(
        "select internal_comments as t from {v}.sat_order__personal as personal "
        "inner join {v}.hub_order using (order_hk) "
        "where hub_order.order_id = 3 order by personal.load_dts limit 1"
    )
    assert remark["t"] == "Ask [erased], twice."
    assert query(business.client, f"select value from {audit}.erasing") == []


def test_history_reconciliation_and_verification_work_after_an_erasure(business: Business) -> None:
    settings, catalog, audit = business.settings, business.catalog, business.settings.dataset("audit")
    (version,) = history(settings, catalog, "person", str(business.person.key), personal=True).versions
    assert (version.state["full_name"], version.state["phone_number"]) == ("[erased]", None)
    assert reconcile(settings, catalog, load_reconciliation(catalog)).differences == ()
    lost = business.ask(
        f"select count(*) as n from {settings.dataset('business_vault')}.pit_person as point "
        "left join {v}.sat_person__personal as personal "
        "on point.person_hk = personal.person_hk and point.personal_load_dts = personal.load_dts "
        "where point.personal_load_dts is not null and personal.person_hk is null"
    )
    assert lost == [{"n": 0}], "every PIT row refers to an existing state"
    verified = verify(settings, catalog)
    assert (verified.findings, verified.erasures) == ((), 1)
    (record,) = query(business.client, f"select * from {audit}.erasures")
    assert (record["entity_key"], record["reason"]) == (str(business.person.key), "asked")
    execute(business.client, f"update {audit}.erasures set reason = 'other' where true")
    altered = [each.table for each in verify(settings, catalog).findings]
    execute(business.client, f"update {audit}.erasures set reason = 'asked' where true")
    assert altered == ["erasures"]

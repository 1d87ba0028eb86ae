"""Trace figures of facts back to raw, and verify raw."""

import pytest

from audit.tracing.total import explain_total
from audit.tracing.trace import trace
from audit.verification.verify import verify
from metadata.errors import WwiError
from metadata.load import load_catalog
from metadata.mappings import HubMapping, NonHistorizedLinkMapping
from metadata.reconciliation import load_reconciliation
from tests.marts.business import Business
from warehouse.queries import execute

pytestmark = [pytest.mark.services, pytest.mark.end_to_end]


def sampled(business: Business, fact: str, count: int) -> list[int]:
    """Return keys of a deterministic sample of rows of a fact."""
    key = f"{fact.removeprefix('fct_')}_key"
    rows = business.ask(
        f"select {key} as k from {{m}}.{fact} "
        f"order by md5(concat('seed 7 ', cast({key} as string))), {key} limit {count}"
    )
    return [row["k"] for row in rows]


@pytest.mark.parametrize("fact", sorted({fact.name for fact in load_reconciliation(load_catalog())}))
def test_200_rows_of_each_fact_trace_back_to_raw(business: Business, fact: str) -> None:
    """Every figure equals its formula over raw, and every part of the vault has the values of raw."""
    facts = load_reconciliation(business.catalog)
    keys = sampled(business, fact, 200)
    assert keys
    found = trace(business.settings, business.catalog, facts, fact, keys)
    assert [each.key for each in found] == sorted(keys)
    assert {each.key: each.differs for each in found if each.differs} == {}
    for each in found:
        kinds = [part.kind for part in each.parts]
        assert (kinds[-1], kinds.count("status")) == ("raw", 1), each.key
        assert all(part.batch_id for part in each.parts), each.key
        mapping = business.catalog.table(each.source).vault
        assert isinstance(mapping, HubMapping | NonHistorizedLinkMapping)
        assert kinds.count("satellite") == len(mapping.satellites), each.key


def test_a_total_lists_its_rows_and_the_total_from_raw(business: Business) -> None:
    facts = load_reconciliation(business.catalog)
    fact = "fct_transaction"
    found = explain_total(business.settings, business.catalog, facts, fact, "tax_amount", "customer_key >= 0")
    (row,) = business.ask("select sum(tax_amount) as total, count(*) as n from {m}.fct_transaction")
    assert (found.total, found.computed, found.count) == (row["total"], row["total"], row["n"])
    assert sum(found.batches.values()) == found.count
    with pytest.raises(WwiError, match="tax_amount"):
        explain_total(business.settings, business.catalog, facts, fact, "tax_amont", "true")


def test_a_figure_that_differs_from_raw_is_reported(business: Business) -> None:
    facts = load_reconciliation(business.catalog)
    (key,) = sampled(business, "fct_sale", 1)
    rows = f"{business.settings.dataset('marts')}.fct_sale"
    execute(business.client, f"update {rows} set profit = profit + 0.01 where sale_key = {key}")
    (found,) = trace(business.settings, business.catalog, facts, "fct_sale", [key])
    execute(business.client, f"update {rows} set profit = profit - 0.01 where sale_key = {key}")
    assert [text.partition(":")[0] for text in found.differs] == ["profit"]


def test_rows_altered_in_raw_are_reported(business: Business) -> None:
    """The rows are found by comparing raw with the vault."""
    assert verify(business.settings, business.catalog).findings == ()
    raw = f"{business.settings.dataset('raw')}.sales__order_lines"
    audit = business.settings.dataset("audit")
    execute(business.client, f"create table {audit}.kept as select * from {raw}")
    first, second = (row["order_line_id"] for row in business.ask(
        "select order_line_id from {v}.sat_order_line__details "
        "group by order_line_id having count(*) = 1 and min(order_line_id) > 2 order by 1 limit 2"
    ))  # fmt: skip
    for statement in (
        f"update {raw} set quantity = quantity + 1 where order_line_id = {first} and batch_id = 1",
        f"delete from {raw} where order_line_id = {second} and batch_id = 1",
        f"insert into {raw} select * replace (-5 as order_line_id) from {raw} "
        f"where order_line_id = {first} and batch_id = 1",
    ):
        execute(business.client, statement)
    found = verify(business.settings, business.catalog).findings
    execute(business.client, f"delete from {raw} where true")
    execute(business.client, f"insert into {raw} select * from {audit}.kept")
    execute(business.client, f"drop table {audit}.kept")
    ((where, rows),) = {(each.batch_id, each.table): each.rows for each in found}.items()
    assert where == (1, "sales.order_lines")
    assert set(rows) == {
        '{"order_line_id":-5}: added',
        f'{{"order_line_id":{first}}}: changed',
        f'{{"order_line_id":{second}}}: missing',
    }
    assert verify(business.settings, business.catalog).findings == ()

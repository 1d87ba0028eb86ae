"""What a daily load would be billed for on BigQuery, by a model of the bytes that each query reads.

Nothing is run but the measuring of the tables, so it works on the local warehouse too, and it can say what
the load will cost when the history has become many times as long. The models are compiled as the coming load
would run them; when no batch waits, as the last one did.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.errors import PermanentError
from config.settings import Settings
from operations.cost.bytes_billed import Span
from operations.cost.model_bytes import (
    LATER,
    Model,
    ModelBytes,
    all_grown,
    columns_read,
    is_batch_table,
    judged,
    load_budgets,
    read_by,
)
from operations.cost.table_statistics import column_types, history, measure
from transform.build_plan import compile_nodes
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.queries import query
from warehouse.tables import Partitioning

FIRST_DAY = "2013-01-01"  # of the business
BUDGETS = VAULT_DIR / "cost_budget.yml"
NARROWING = ".pruned_target"  # the macro of models that want to know which keys their stages hold
GROWING = "growing"  # what a bridge says of hubs of which it reads the ranges that its stage names
EFFECTIVITY = "eff_sat_"
# a load is billed for its tests, too, but they are not judged; files about the project nobody reads here
MODELS_ONLY = ("--select", "resource_type:model", "--indirect-selection", "empty", "--no-write-json")
# what pending_load_dts writes when no batch waits
NO_BATCH = "timestamp '1900-01-01 00:00:00+00:00'"


def daily_bytes(
    settings: Settings, *, days: int | None = None, vault_dir: Path = VAULT_DIR, budgets: Path = BUDGETS
) -> tuple[ModelBytes, ...]:
    """Return what each model of a daily load is billed for, the dearest first. Raises as `dbt.build`.

    `days`: how long a history of daily loads to judge by; None: the one that is there.
    """
    nodes = compile_nodes(["build", *MODELS_ONLY], settings, vault_dir)
    newest = _newest_batch(settings)
    sql = {node.unique_id: node.compiled_code.replace(NO_BATCH, newest) for node in nodes}
    views = {
        f"{node.schema}.{node.alias}": sql[node.unique_id]
        for node in nodes
        if node.config.materialized == "view"
    }
    asked = _asked_of_stages(nodes)
    made = {node.unique_id: (sql[node.unique_id],) for node in nodes if node.config.materialized != "view"}
    models = [
        Model(node.name, node.fqn[1], (*made.get(node.unique_id, ()), *asked.get(node.unique_id, ())))
        for node in nodes
        if node.unique_id in made or node.unique_id in asked
    ]
    client = connect(settings, "cost")
    types = column_types(client, settings)
    reads = read_by(models, settings.project, types, views)
    known = history(client, settings, FIRST_DAY)
    tables = measure(client, settings, columns_read(reads), types, partitionings(nodes), known=known)
    of_batch = {name for name in tables if is_batch_table(settings, name)}
    judged_by = max(days or known.days, known.days)
    now = all_grown(tables, Span(known.days, judged_by), of_batch)
    later = all_grown(tables, Span(known.days, LATER * judged_by), of_batch)
    return judged(models, reads, now, later, load_budgets(budgets))


def partitionings(nodes: Sequence[Any]) -> dict[str, Partitioning | None]:
    """How dbt partitions the tables of these models, by `dataset.table`."""
    found: dict[str, Partitioning | None] = {}
    for node in nodes:
        by = node.config.get("partition_by")
        step = by["range"]["interval"] if by and "range" in by else None
        found[f"{node.schema}.{node.alias}"] = Partitioning(by["field"].strip("`"), step) if by else None
    return found


def _asked_of_stages(nodes: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """The queries by which a run asks a stage, once, which keys its batch touches; by the stage's id."""
    models = {node.unique_id: node for node in nodes}
    wanted = {(stage, column) for node in nodes for stage, column in _ranges_wanted(node, models)}
    found: dict[str, tuple[str, ...]] = {}
    for stage, number in sorted(wanted):
        of = models[stage]
        sql = f"select {number} from `{of.database}`.`{of.schema}`.`{of.alias}`"
        found[stage] = (*found.get(stage, ()), sql)
    return found


def _ranges_wanted(node: Any, models: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The stages, by id, and the columns of theirs whose ranges a model wants to know.

    What a bridge asks of its own number, its effectivity has asked.
    """
    if any(macro.endswith(NARROWING) for macro in node.depends_on.macros):
        for stage in _stages(node, models):
            yield stage, node.config.get("partition_by")["field"]
    for end in node.config.meta.get(GROWING, {}).values():
        for parent in node.depends_on.nodes:
            if parent in models and models[parent].name.startswith(EFFECTIVITY):
                for stage in _stages(models[parent], models):
                    yield stage, f"{end}_id"


def _stages(node: Any, models: Mapping[str, Any]) -> list[str]:
    return [each for each in node.depends_on.nodes if each in models and models[each].fqn[1] == "staging"]


def _newest_batch(settings: Settings) -> str:
    """The load time of the newest batch that the vault holds, as SQL."""
    rows: list[dict[str, Any]] = query(
        connect(settings, "cost"),
        "select format_datetime('%Y-%m-%d %H:%M:%E6S', datetime(max(load_dts), 'UTC')) as newest "
        f"from `{settings.project}.{settings.dataset('audit')}.vault_loads`",
        timeout_s=settings.query_timeout_s,
    )
    if rows[0]["newest"] is None:
        raise PermanentError("nothing is loaded yet, so no daily load can be judged. Run `wwi run` first.")
    return f"timestamp '{rows[0]['newest']}+00:00'"

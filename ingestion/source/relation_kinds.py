"""Says which relations cannot be read by transaction id: they are refused, with what to do instead."""

from collections.abc import Mapping

from ingestion.source.structure import Relation, Structure

FIRST_USER_OID = 16384

_INSTEAD = "Load the tables that it reads, or a materialized view of it."
_FAULTS: Mapping[str, tuple[str, str]] = {
    "v": ("is a view, whose rows have no transaction ids", _INSTEAD),
    "f": (
        "is a foreign table, whose rows another server keeps outside of our snapshot",
        "Load it from that server, or load a materialized view of it.",
    ),
    "S": ("is a sequence, which changes without a transaction id", "Load a table that uses its numbers."),
}
_NO_TABLE = ("is not a table", "Name a table or a materialized view.")


def kind_problem(structure: Structure) -> str | None:
    """Return what is wrong with the table or one of its children and how to fix it; None when nothing is."""
    fault = _fault(structure.table)
    if fault:
        return f"{structure.table.name}: {fault[0]}, so what changed cannot be found. {fault[1]}"
    for child in structure.children:
        fault = _fault(child)
        if fault:
            return (
                f"{structure.table.name}: its child table {child.name} {fault[0]}, so what changed cannot be "
                "found. Detach it, or copy its rows into an ordinary table and attach that instead."
            )
    return None


def _fault(relation: Relation) -> tuple[str, str] | None:
    if relation.kind not in {"r", "p", "m"}:
        return _FAULTS.get(relation.kind, _NO_TABLE)
    if relation.persistence == "t":
        return "is a temporary table, which only its own session can read", "Make it an ordinary table."
    if relation.oid < FIRST_USER_OID:
        return (
            "is a system catalog, which Postgres changes in place",
            "Load a materialized view of it.",
        )
    if not relation.is_heap:
        return (
            "is stored by an access method other than heap, which need not keep transaction ids",
            f"Run `alter table {relation.name} set access method heap`.",
        )
    return None

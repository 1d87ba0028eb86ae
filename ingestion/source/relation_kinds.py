"""Refuse relations without usable transaction ids, with what to load instead."""

from collections.abc import Mapping

from ingestion.source.structure import Relation, Structure

FIRST_USER_OID = 16384

_INSTEAD = "Load the tables that it reads, or a materialized view of it."
_UNSUPPORTED: Mapping[str, tuple[str, str]] = {
    "v": ("is a view, whose rows have no transaction ids", _INSTEAD),
    "f": (
        "is a foreign table, whose rows are on another server, outside of the snapshot",
        "Load it from that server, or load a materialized view of it.",
    ),
    "S": ("is a sequence, which changes without a transaction id", "Load a table that uses its numbers."),
}
_NO_TABLE = ("is not a table", "Name a table or a materialized view.")


def kind_problem(structure: Structure) -> str | None:
    """Return why the table or one of its children cannot be read, and the fix; None if it can."""
    problem = _problem(structure.table)
    if problem:
        return f"{structure.table.name}: {problem[0]}, so changes cannot be detected. {problem[1]}"
    for child in structure.children:
        problem = _problem(child)
        if problem:
            return (
                f"{structure.table.name}: its child table {child.name} {problem[0]}, so changes cannot be "
                "detected. Detach it, or copy its rows into an ordinary table and attach that instead."
            )
    return None


def _problem(relation: Relation) -> tuple[str, str] | None:
    if relation.kind not in {"r", "p", "m"}:
        return _UNSUPPORTED.get(relation.kind, _NO_TABLE)
    if relation.persistence == "t":
        return (
            "is a temporary table, which only its own session can read",
            "Create an ordinary table instead.",
        )
    if relation.oid < FIRST_USER_OID:
        return (
            "is a system catalog, which Postgres changes in place",
            "Load a materialized view of it.",
        )
    if not relation.is_heap:
        return (
            "uses an access method other than heap, which may not store transaction ids",
            f"Run `alter table {relation.name} set access method heap`.",
        )
    return None

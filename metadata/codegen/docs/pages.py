"""Generate docs pages from the metadata.

docs/catalogue.md   every source table and column, where the vault stores it, and personal data
docs/raw_vault.md   hubs, links and satellites, one Mermaid diagram per subject area
docs/star.md        facts and their dimensions
"""

from collections.abc import Iterator, Sequence

from metadata.codegen.docs.column_lineage import location_of
from metadata.codegen.docs.diagrams import raw_vault, star
from metadata.codegen.docs.markdown import code, markdown_table, page, prose
from metadata.codegen.docs.subject_areas import area_of, schemas
from metadata.codegen.models import Plan
from metadata.marts import Mart
from metadata.spec import Catalog, Column, Table


def pages(catalog: Catalog, models: Plan, marts: Sequence[Mart]) -> dict[str, str]:
    """Return {path below docs: text}."""
    return {
        "catalogue.md": page("metadata/tables, vault/models/marts/*.yml", catalogue(catalog, marts)),
        "raw_vault.md": page("metadata/tables, metadata/hubs.yml", raw_vault(catalog, models)),
        "star.md": page("vault/models/marts/*.yml", star(marts)),
    }


def catalogue(catalog: Catalog, marts: Sequence[Mart]) -> Iterator[str]:
    """Yield the parts of the catalogue page."""
    count = sum(len(table.columns) for table in catalog.tables)
    yield "# Catalogue of the source"
    yield (
        f"{len(catalog.tables)} tables, {count} columns. How the business uses them: "
        "[business](business.md); "
        "how they are modelled: [raw vault](raw_vault.md), [star](star.md). Each column is stored in one "
        "place of the raw vault. `_hk` columns are hash keys; the business key that they belong to is in the "
        "hub."
    )
    for schema in schemas(catalog):
        yield f"## {area_of(schema)}"
        for table in catalog.tables:
            if table.schema_name == schema:
                yield from _source_table(table)
    yield from _personal(catalog, marts)
    yield from _secret(catalog)


def _source_table(table: Table) -> Iterator[str]:
    facts = [f"Key: {', '.join(map(code, table.primary_key))}."]
    if table.control_day:
        facts.append(f"Compared by day: {code(table.control_day)}.")
    if table.controls:
        facts.append(f"Control totals: {', '.join(map(code, table.controls))}.")
    if table.optional:
        facts.append("Optional: some sources do not have it.")
    yield f"### {table.qualified}"
    yield f"{prose(table.description)} {' '.join(facts)}"
    yield markdown_table(
        ("column", "type", "description", "stored in"),
        (
            (
                code(column.name),
                column.type + ("" if column.nullable else ", not null"),
                _described(column),
                _location(table, column),
            )
            for column in table.columns
        ),
    )


def _described(column: Column) -> str:
    sensitive = "" if column.sensitivity == "none" else f" **{column.sensitivity.capitalize()}.**"
    refers = f" Refers to {code(column.references)}." if column.references else ""
    return f"{prose(column.description)}{refers}{sensitive}"


def _location(table: Table, column: Column) -> str:
    found = location_of(table, column)
    return code(found) if found.model else str(found)


def _personal(catalog: Catalog, marts: Sequence[Mart]) -> Iterator[str]:
    yield "## Personal data"
    yield (
        "Every column with personal data, and every place where it is stored. On BigQuery all of "
        "these columns can carry a policy tag ([safety](bigquery_cost.md))."
    )
    yield markdown_table(
        ("source", "raw", "staging", "raw vault"),
        (
            (
                code(f"{table.qualified}.{column.name}"),
                code(f"{table.raw_name}.{column.name}"),
                code(f"{table.stage_name}.{column.name}"),
                _location(table, column),
            )
            for table in catalog.tables
            for column in table.columns
            if column.is_personal
        ),
    )
    yield "In the marts; the view without `_unmasked` in its name masks these columns:"
    yield markdown_table(
        ("mart", "column", "description"),
        (
            (code(mart.name), code(column.name), prose(column.description))
            for mart in marts
            for column in mart.columns
            if column.is_personal
        ),
    )


def _secret(catalog: Catalog) -> Iterator[str]:
    yield "## Secret data"
    yield "These columns are never read: the platform's login has no privilege on them."
    yield "\n".join(
        f"- {code(f'{table.qualified}.{column.name}')}: {prose(column.description)}"
        for table in catalog.tables
        for column in table.columns
        if column.sensitivity == "secret"
    )

"""The documents that are made of the metadata: the catalogue of the source and two diagrams, as Markdown.

docs/catalogue.md   what each source table means, every column and its home, and where personal data are
docs/raw_vault.md   hubs, links and satellites, one diagram per subject area
docs/star.md        facts and the dimensions they refer to

Diagrams are Mermaid, which GitHub draws.
"""

from collections.abc import Iterator, Sequence

from metadata.codegen.column_lineage import home
from metadata.codegen.diagrams import raw_vault, star
from metadata.codegen.markdown import code, markdown_table, page, prose
from metadata.codegen.models import Plan
from metadata.codegen.subject_areas import area_of, schemas
from metadata.marts import Mart
from metadata.spec import Catalog, Column, Table


def pages(catalog: Catalog, models: Plan, marts: Sequence[Mart]) -> dict[str, str]:
    """Return path below docs -> text."""
    return {
        "catalogue.md": page("metadata/tables, vault/models/marts/*.yml", catalogue(catalog, marts)),
        "raw_vault.md": page("metadata/tables, metadata/hubs.yml", raw_vault(catalog, models)),
        "star.md": page("vault/models/marts/*.yml", star(marts)),
    }


def catalogue(catalog: Catalog, marts: Sequence[Mart]) -> Iterator[str]:
    """What the source holds, where it goes, and where personal data are."""
    count = sum(len(table.columns) for table in catalog.tables)
    yield "# Catalogue of the source"
    yield (
        f"{len(catalog.tables)} tables, {count} columns. How the business uses them: "
        "[business](business.md); "
        "where they go: [raw vault](raw_vault.md), [star](star.md). A column's home is the one place in the "
        "raw vault that keeps it; `_hk` is the hash of the key that a reference holds, whose text is in the "
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
        facts.append("Not every source has it.")
    yield f"### {table.qualified}"
    yield f"{prose(table.description)} {' '.join(facts)}"
    yield markdown_table(
        ("column", "type", "what it is", "home"),
        (
            (
                code(column.name),
                column.type + ("" if column.nullable else ", always there"),
                _described(column),
                _home(table, column),
            )
            for column in table.columns
        ),
    )


def _described(column: Column) -> str:
    sensitive = "" if column.sensitivity == "none" else f" **{column.sensitivity.capitalize()}.**"
    refers = f" Refers to {code(column.references)}." if column.references else ""
    return f"{prose(column.description)}{refers}{sensitive}"


def _home(table: Table, column: Column) -> str:
    found = home(table, column)
    return code(found) if found.model else str(found)


def _personal(catalog: Catalog, marts: Sequence[Mart]) -> Iterator[str]:
    yield "## Personal data"
    yield (
        "Every column that tells something of a person, and every place where it is. On BigQuery all of "
        "these columns can carry a policy tag ([safety](bigquery_cost.md))."
    )
    yield markdown_table(
        ("source", "raw", "staging", "raw vault"),
        (
            (
                code(f"{table.qualified}.{column.name}"),
                code(f"{table.raw_name}.{column.name}"),
                code(f"{table.stage_name}.{column.name}"),
                _home(table, column),
            )
            for table in catalog.tables
            for column in table.columns
            if column.is_personal
        ),
    )
    yield "In the marts, where the view without `_unmasked` in its name hides the same columns:"
    yield markdown_table(
        ("mart", "column", "what it is"),
        (
            (code(mart.name), code(column.name), prose(column.description))
            for mart in marts
            for column in mart.columns
            if column.is_personal
        ),
    )


def _secret(catalog: Catalog) -> Iterator[str]:
    yield "## Secret data"
    yield "These columns are never read: the login of the platform has no right to them."
    yield "\n".join(
        f"- {code(f'{table.qualified}.{column.name}')}: {prose(column.description)}"
        for table in catalog.tables
        for column in table.columns
        if column.sensitivity == "secret"
    )

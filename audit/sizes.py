"""Count the tables and rows of each layer, and the versions in the dimensions."""

from dataclasses import dataclass

from google.cloud import bigquery

from config.settings import Layer, Settings
from warehouse.client import connect
from warehouse.queries import query

COUNTED: tuple[Layer, ...] = ("raw", "raw_vault", "business_vault", "marts")


@dataclass(frozen=True)
class LayerSize:
    """Tables and rows of one layer."""

    layer: str
    tables: int
    rows: int


@dataclass(frozen=True)
class Dimension:
    """Members of a type 2 dimension and their versions; the unknown member is not counted."""

    name: str
    members: int
    versions: int


def layer_sizes(settings: Settings) -> tuple[LayerSize, ...]:
    """Return tables and rows of every layer that holds data; views are not counted."""
    client = connect(settings, "sizes")
    sizes = []
    for layer in COUNTED:
        names = _tables(client, settings, layer)
        counts = _counts(client, settings, layer, names) if names else []
        sizes.append(LayerSize(layer, len(names), sum(counts)))
    return tuple(sizes)


def dimensions(settings: Settings) -> tuple[Dimension, ...]:
    """Return members and versions of each type 2 dimension, from its masked table."""
    client = connect(settings, "sizes")
    dataset = f"{settings.project}.{settings.dataset('marts')}"
    rows = query(
        client,
        f"""
        select table_name, column_name
        from `{dataset}`.INFORMATION_SCHEMA.COLUMNS
        where table_name in (
            select table_name from `{dataset}`.INFORMATION_SCHEMA.COLUMNS
            where column_name = 'valid_to'
        )
            and column_name like 'wwi_%_id'
            and not ends_with(table_name, '_unmasked')
        order by table_name
        """,
        timeout_s=settings.query_timeout_s,
    )
    counts = "\nunion all\n".join(
        f"select '{row['table_name']}' as name, count(distinct {row['column_name']}) as members, "
        f"count(*) as versions from `{dataset}.{row['table_name']}` where {row['column_name']} != 0"
        for row in rows
    )
    found = query(client, counts, timeout_s=settings.query_timeout_s) if counts else []
    return tuple(sorted((Dimension(**row) for row in found), key=lambda dimension: dimension.name))


def _tables(client: bigquery.Client, settings: Settings, layer: Layer) -> list[str]:
    rows = query(
        client,
        f"""
        select table_name
        from `{settings.project}.{settings.dataset(layer)}`.INFORMATION_SCHEMA.TABLES
        where table_type = 'BASE TABLE'
        order by table_name
        """,
        timeout_s=settings.query_timeout_s,
    )
    return [row["table_name"] for row in rows]


def _counts(client: bigquery.Client, settings: Settings, layer: Layer, names: list[str]) -> list[int]:
    dataset = f"{settings.project}.{settings.dataset(layer)}"
    counts = "\nunion all\n".join(f"select count(*) as n from `{dataset}.{name}`" for name in names)
    return [row["n"] for row in query(client, counts, timeout_s=settings.query_timeout_s)]

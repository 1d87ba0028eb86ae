"""Compare the rows in raw with those rebuilt from the raw vault, for any table and load."""

from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud.bigquery import Client

from audit.delivery import table_from_vault
from config.settings import Settings
from metadata.spec import Catalog, Table
from warehouse.queries import query


@dataclass(frozen=True)
class Comparison:
    """Counts of existing rows as of a load, of rebuilt rows, and of distinct rows on one side only."""

    delivered: int
    rebuilt: int
    missing: int
    surplus: int

    @property
    def is_equal(self) -> bool:
        """Whether both sides have the same rows without duplicates."""
        return self.delivered == self.rebuilt and not self.missing and not self.surplus


def loads(client: Client, settings: Settings) -> list[datetime]:
    """Return the load times of all completed batches, oldest first."""
    audit = settings.dataset("audit")
    sql = f"select load_dts from `{audit}.batches` where status = 'completed' order by load_dts"
    return [row["load_dts"] for row in query(client, sql)]


def compare(client: Client, settings: Settings, catalog: Catalog, table: Table, load: datetime) -> Comparison:
    """Compare one table as of one load, in both directions."""
    (row,) = query(client, statement(settings, catalog, table, load), timeout_s=settings.query_timeout_s)
    return Comparison(**row)


def statement(settings: Settings, catalog: Catalog, table: Table, load: datetime) -> str:
    """Return the SQL of the comparison."""
    return f"""
with
delivered as (
{_delivered(settings, table, load)}
),

rebuilt as (
{table_from_vault(catalog, table, settings, as_of=load)}
)

select
    (select count(*) from delivered) as delivered,
    (select count(*) from rebuilt) as rebuilt,
    (
        select count(*) from (select * from delivered except distinct select * from rebuilt) as lost
    ) as missing,
    (
        select count(*) from (select * from rebuilt except distinct select * from delivered) as made_up
    ) as surplus
"""


def _delivered(settings: Settings, table: Table, load: datetime) -> str:
    columns = ", ".join(f"`{column.name}`" for column in table.loaded_columns)
    key = ", ".join(f"`{name}`" for name in table.primary_key)
    until = f"timestamp '{load.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    return f"""select {columns} from (
    select {columns}, change_type
    from `{settings.project}.{settings.dataset("raw")}.{table.raw_name}`
    where
        load_dts <= {until}
        and batch_id in (
            select batch_id from `{settings.project}.{settings.dataset("audit")}.batches`
            where status = 'completed'
        )
    qualify row_number() over (partition by {key} order by load_dts desc) = 1
)
where change_type = 'upsert'"""

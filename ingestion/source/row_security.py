"""Refuse to read tables if row security hides rows, because hidden rows look like deleted ones."""

from collections.abc import Iterator, Sequence

from config.errors import PermanentError
from ingestion.source.errors import translated
from ingestion.source.login import Connection
from metadata.spec import Table


def check_row_security(connection: Connection, tables: Sequence[Table]) -> None:
    """Raise PermanentError with the tables and policies that apply to the login, and the fix."""
    with translated("reading the source's row security", connection.limit_s):
        rows = connection.execute(_ACTIVE, [[table.qualified for table in tables]]).fetchall()
    if not rows:
        return
    listed = "\n".join(
        f"  {name}: policies {names or 'none, so no row is visible'}" for name, names, _, _ in rows
    )
    raise PermanentError(
        "row security of the source may hide rows from the login. Nothing was loaded, because hidden rows "
        f"look like deleted ones:\n{listed}\nLet the login read all rows: {' '.join(_fixes(rows))} Then run "
        "`wwi ingest --compare-keys` once: it repairs raw where an earlier version loaded deletes."
    )


def _fixes(rows: Sequence[tuple[object, ...]]) -> Iterator[str]:
    if not all(is_forced_on_owner for _, _, is_forced_on_owner, _ in rows):
        yield f"`alter role {rows[0][3]} bypassrls;`"
    for name, _, is_forced_on_owner, _ in rows:
        if is_forced_on_owner:
            yield f"`alter table {name} no force row level security;`"


# Policies apply to the owner of a table only if they are forced.
_ACTIVE = """
with read as (
    select
        c.oid,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
        pg_has_role(c.relowner, 'usage') and c.relforcerowsecurity as is_forced_on_owner
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname || '.' || c.relname = any(%s)
),

policies as (
    select polrelid as oid, string_agg(quote_ident(polname), ', ' order by polname) as names
    from pg_policy
    group by polrelid
)

select read.name, policies.names, read.is_forced_on_owner, quote_ident(current_user)
from read
left join policies on policies.oid = read.oid
where row_security_active(read.oid)
order by 1
"""

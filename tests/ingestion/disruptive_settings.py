"""Settings of a role, a database or PGOPTIONS that would change values, rows or waiting."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from metadata.postgres_types import AS_TEXT
from tests.shop import table

SETTINGS = {
    "timezone": "Pacific/Kiritimati",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-3",
    "client_encoding": "LATIN1",
    "search_path": "evil, pg_catalog, shop",
    "lc_monetary": "C.UTF-8",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "on",
    "enable_seqscan": "off",
    "synchronize_seqscans": "off",
    "statement_timeout": "300ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "20ms",
    "idle_session_timeout": "1s",
    "transaction_timeout": "300ms",
}

ODD = table(
    "odd",
    {
        "id": "integer", "at": "timestamp", "instant": "timestamptz", "day": "date", "span": "interval",
        "number": "double precision", "small": "real", "cash": "money", "cashes": "money[]", "blob": "bytea",
        "blobs": "bytea[]", "instants": "timestamptz[]", "period": "tstzrange", "name": "text",
        "relation": f"regclass{AS_TEXT}", "gaps": "integer[]", "shifted": "integer[]",
    },
)  # fmt: skip

CREATE = f"""
create schema shop;
create schema evil;
create table shop.odd ({", ".join(f"{c.name} {c.type.removesuffix(AS_TEXT)}" for c in ODD.columns)},
    primary key (id));
insert into shop.odd
select
    i, '2013-02-01 03:04:05.678901', '2013-02-01 23:30:00+00', '2013-02-03',
    '1 year 2 mons -3 days 04:05:06.7', 0.1::float8 + 0.2, 0.1, 1234.56, array[1234.5::money, null],
    '\\x00ff5c41', array['\\x00ff5c'::bytea], array['2013-02-01 23:30:00+00'::timestamptz],
    tstzrange('2013-02-01 00:00+00', '2013-02-02 00:00+00'),
    'Zoë \\ ''quoted''', 'shop.odd', array[1, null], '[0:1]={{7,8}}'
from generate_series(1, 50) as i;
create function evil.encode(bytea, text) returns text language sql as $$ select 'hijacked' $$;
create function evil.age(xid) returns integer language sql as $$ select 0 $$;
create function evil.to_json(integer[]) returns json language sql as $$ select '[]'::json $$;
create function evil.array_dims(integer[]) returns text language sql as $$ select 'hijacked' $$;
create function evil.same(text, text) returns boolean language sql as $$ select false $$;
create operator evil.= (leftarg = text, rightarg = text, procedure = evil.same);
"""


@contextmanager
def login(dsn: str, role: str, settings: dict[str, str]) -> Iterator[str]:
    """Create a login that may read everything and has these settings; yield its DSN."""
    name = sql.Identifier(role)
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as admin:
        admin.execute(sql.SQL("create role {} login password 'pass'").format(name))
        try:
            admin.execute(sql.SQL("grant pg_read_all_data to {}").format(name))
            for setting, value in settings.items():
                assigned = ", ".join(value.split(", ")) if setting == "search_path" else None
                admin.execute(
                    sql.SQL("alter role {} set {} = {}").format(
                        name, sql.Identifier(setting), sql.SQL(assigned) if assigned else sql.Literal(value)
                    )
                )
            yield make_conninfo(**conninfo_to_dict(dsn) | {"user": role, "password": "pass"})
        finally:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [role])
            admin.execute(sql.SQL("drop owned by {}").format(name))
            admin.execute(sql.SQL("drop role {}").format(name))

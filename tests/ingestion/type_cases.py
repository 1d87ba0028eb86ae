"""The type matrix: Postgres types with difficult values, and the values expected in raw."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

D = Decimal


class Rejected:
    """Expectation: null in raw, and the value as this text in rejected_values."""

    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(frozen=True)
class Case:
    """A column of this type: its type in the metadata, its BigQuery type, and {SQL literal: value in raw}.

    A set contains texts that are equal in raw.
    """

    declared: str
    known: str
    bigquery: str
    values: dict[str, Any] | set[str] = field(hash=False)

    @property
    def expected(self) -> dict[str, Any]:
        """SQL -> value in raw."""
        if isinstance(self.values, dict):
            return self.values
        return {f"'{text.replace(chr(39), chr(39) * 2)}'": text for text in sorted(self.values)}


# user-defined types
TYPES = (
    "create type shop.mood as enum ('sad', 'so ''la la''', 'ok')",
    "create domain shop.price as numeric(10,2) check (value >= 0)",
    "create domain shop.low_price as shop.price check (value < 100)",
    "create domain shop.prices as shop.price[]",
    "create type shop.place as (street text, number integer, moods shop.mood[])",
    "create type shop.span as range (subtype = float8)",
    "create schema ext",
    "create extension citext schema ext",
    "create extension hstore schema ext",
    "create extension ltree schema public",
)

HARD_TEXTS = {
    "", " ", "\\N", "\\.", "NULL", "null", '"', '""', "'", ",", "\n", "\r\n", "\r", "a\n\n\nb",
    "\t", "\x01", "\x7f", "ünï ¢ødé", "😀", "\u2028", "\ufeff", "t", "f", "nan", "x" * 100_000,
}  # fmt: skip

CASES = (
    Case("smallint", "smallint", "INT64", {"-32768": -32768, "32767": 32767}),
    Case("integer", "integer", "INT64", {"-2147483648": -(2**31), "0": 0}),
    Case("bigint", "bigint", "INT64", {"'-9223372036854775808'": -(2**63), "9223372036854775807": 2**63 - 1}),
    Case("oid", "oid", "INT64", {"4294967295": 2**32 - 1}),
    Case("numeric(18,2)", "numeric(18,2)", "NUMERIC", {
        "-9999999999999999.99": D("-9999999999999999.99"), "0.10": D("0.1"), "'NaN'": Rejected("NaN"),
    }),
    Case("numeric(38,9)", "numeric(38,9)", "NUMERIC", {
        "99999999999999999999999999999.999999999": D("99999999999999999999999999999.999999999"),
    }),
    Case("numeric(2,2)", "numeric(2,2)", "NUMERIC", {"-0.99": D("-0.99"), "'NaN'": Rejected("NaN")}),
    Case("numeric(5,-2)", "numeric(5,-2)", "NUMERIC", {"9999949": D(9999900), "-49": D(0)}),
    Case("numeric(3,5)", "numeric(3,5)", "NUMERIC", {"0.00999": D("0.00999")}),
    Case("numeric", "numeric", "NUMERIC", {
        "-99999999999999999999999999999.999999999": D("-99999999999999999999999999999.999999999"),
        "1.50000000000000000000": D("1.5"),
        "100000000000000000000000000000": Rejected("100000000000000000000000000000"),
        "'-3411852680017176529752635360298'": Rejected("-3411852680017176529752635360298"),
        "44352225279739335647822366139967820637248.041579714":
            Rejected("44352225279739335647822366139967820637248.041579714"),
        "0.0123456789": Rejected("0.0123456789"),
        "'NaN'": Rejected("NaN"), "'Infinity'": Rejected("Infinity"), "'-Infinity'": Rejected("-Infinity"),
    }),
    Case("numeric(38,10)", "numeric(38,10)", "STRING", {"1.5": "1.5000000000", "'NaN'": "NaN"}),
    Case("numeric(1000,500)", "numeric(1000,500)", "STRING", {f"'{'9' * 500}'": "9" * 500 + "." + "0" * 500}),
    Case("money", "money", "NUMERIC", {
        "'-92233720368547758.08'::numeric::money": D("-92233720368547758.08"), "'$1,234.50'": D("1234.5"),
    }),
    Case("real", "real", "FLOAT64", {
        "0.1": 0.10000000149011612, "'1e-45'": 1.401298464324817e-45, "'-Infinity'": float("-inf"),
    }),
    Case("double precision", "double precision", "FLOAT64", {
        "0.1": 0.1, "'5e-324'": 5e-324, "'1.7976931348623157e308'": 1.7976931348623157e308, "'-0'": -0.0,
        "'NaN'": float("nan"), "'Infinity'": float("inf"),
    }),
    Case("text", "text", "STRING", HARD_TEXTS),
    Case("varchar(100)", "varchar(100)", "STRING", {"x" * 100, " a "}),
    Case("char(5)", "char(5)", "STRING", {"'ab'": "ab   ", "''": "     "}),
    Case("name", "name", "STRING", {"a name"}),
    Case('"char"', '"char"', "STRING", {"a", ""}),
    Case("bytea", "bytea", "BYTES", {r"'\x'": b"", rf"'\x{bytes(range(256)).hex()}'": bytes(range(256))}),
    Case("boolean", "boolean", "BOOL", {"true": True, "false": False}),
    Case("date", "date", "DATE", {
        "'0001-01-01'": date(1, 1, 1), "'9999-12-31'": date(9999, 12, 31), "'2000-02-29'": date(2000, 2, 29),
        "'10000-01-01'": Rejected("10000-01-01"), "'0044-03-15 BC'": Rejected("0044-03-15 BC"),
        "'infinity'": Rejected("infinity"), "'-infinity'": Rejected("-infinity"),
    }),
    Case("timestamp", "timestamp", "DATETIME", {
        "'0001-01-01'": datetime(1, 1, 1),
        "'9999-12-31 23:59:59.999999'": datetime(9999, 12, 31, 23, 59, 59, 999999),
        "'10000-01-01'": Rejected("10000-01-01 00:00:00"),
        "'0001-12-31 BC'": Rejected("0001-12-31 00:00:00 BC"),
        "'infinity'": Rejected("infinity"), "'-infinity'": Rejected("-infinity"),
    }),
    Case("timestamp(0)", "timestamp(0)", "DATETIME", {
        "'2013-01-01 07:00:00.6'": datetime(2013, 1, 1, 7, 0, 1),
    }),
    Case("timestamptz", "timestamptz", "TIMESTAMP", {
        "'0001-01-01+00'": datetime(1, 1, 1, tzinfo=UTC),
        "'2013-07-01 00:30+02'": datetime(2013, 6, 30, 22, 30, tzinfo=UTC),
        "'9999-12-31 23:59:59.999999+00'": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "'9999-12-31 23:59:59-01'": Rejected("10000-01-01 00:59:59+00"), "'infinity'": Rejected("infinity"),
    }),
    Case("time", "time", "TIME", {
        "'00:00'": time(0), "'23:59:59.999999'": time(23, 59, 59, 999999), "'24:00'": Rejected("24:00:00"),
    }),
    Case("timetz", "timetz", "STRING", {
        "'24:00+02'": "24:00:00+02", "'07:00:00.5-03:30'": "07:00:00.5-03:30",
    }),
    Case("interval", "interval", "STRING", {
        "'1 year 2 months -3 days 04:05:06.7'": "P1Y2M-3DT4H5M6.7S", "'0'": "PT0S",
    }),
    Case("interval year to month", "interval", "STRING", {"'1-2'": "P1Y2M"}),
    Case("uuid", "uuid", "STRING", {"ffffffff-ffff-ffff-ffff-ffffffffffff"}),
    Case("json", "json", "STRING", {'{"a":  1, "a": 1e400}', "null", '"\\u0000 \\ud83d"'}),
    Case("jsonb", "jsonb", "STRING", {'{"a": 12345678901234567890.12345678901234567890}', "[]", "null"}),
    Case("shop.mood", "enum", "STRING", {"so 'la la'", "ok"}),
    Case("shop.price", "numeric(10,2)", "NUMERIC", {"1.5": D("1.5")}),
    Case("shop.low_price", "numeric(10,2)", "NUMERIC", {"99.99": D("99.99")}),
    Case("shop.place", "composite", "STRING", {
        "row('a \"b\"', null, array['ok'])::shop.place":
            '{"street":"a \\"b\\"","number":null,"moods":["ok"]}',
    }),
    Case("integer[]", "integer[]", "STRING", {
        "'{}'": "[]", "'{1,null,-3}'": "[1,null,-3]", "'{{1,2},{3,4}}'": "[[1,2],[3,4]]",
        "'[0:1]={7,8}'": "[0:1]={7,8}", "'[1:1][2:3]={{1,2}}'": "[1:1][2:3]={{1,2}}",
    }),
    Case("numeric[]", "numeric[]", "STRING", {
        "'{1.10,12345678901234567890123456789012345678901234567890.5,NaN}'":
            '[1.10,12345678901234567890123456789012345678901234567890.5,"NaN"]',
    }),
    Case("text[]", "text[]", "STRING", {
        """array['', 'NULL', null, E'a\\n"b"', 'ü😀']""": '["","NULL",null,"a\\n\\"b\\"","ü😀"]',
    }),
    Case("varchar(9)[]", "varchar(9)[]", "STRING", {"'{a}'": '["a"]'}),
    Case("boolean[]", "boolean[]", "STRING", {"'{t,f}'": "[true,false]"}),
    Case("bytea[]", "bytea[]", "STRING", {r"""array['\xff'::bytea]""": r'["\\xff"]'}),
    Case("double precision[]", "double precision[]", "STRING", {
        "'{0.1,NaN,-Infinity}'": '[0.1,"NaN","-Infinity"]',
    }),
    Case("timestamptz[]", "timestamptz[]", "STRING", {
        "'{2013-07-01 00:00+02,infinity}'": '["2013-06-30T22:00:00+00:00","infinity"]',
    }),
    Case("date[]", "date[]", "STRING", {"'{infinity,10000-01-01}'": '["infinity","10000-01-01"]'}),
    Case("jsonb[]", "jsonb[]", "STRING", {"""array['{"a": 1.0}'::jsonb]""": '[{"a": 1.0}]'}),
    Case("shop.mood[]", "enum[]", "STRING", {"'{ok}'": '["ok"]'}),
    Case("shop.price[]", "numeric(10,2)[]", "STRING", {"'{1}'": "[1.00]"}),
    Case("shop.prices", "numeric(10,2)[]", "STRING", {"'{2}'": "[2.00]"}),
    Case("shop.place[]", "composite[]", "STRING", {
        "array[row('a', 1, null)::shop.place]": '[{"street":"a","number":1,"moods":null}]',
    }),
    Case("inet", "inet", "STRING", {"192.168.0.1/24", "::1"}),
    Case("cidr", "cidr", "STRING", {"10.0.0.0/8"}),
    Case("macaddr", "macaddr", "STRING", {"08:00:2b:01:02:03"}),
    Case("bit(3)", "bit(3)", "STRING", {"'101'": "101"}),
    Case("bit varying(70)", "varbit(70)", "STRING", {"1" * 70, ""}),
    Case("int4range", "int4range", "STRING", {"[1,10)", "empty", "(,)"}),
    Case("tstzrange", "tstzrange", "STRING", {
        "'[2013-07-01 00:00+02,infinity]'": '["2013-06-30 22:00:00+00",infinity]',
    }),
    Case("shop.span", "range", "STRING", {"[0.1,0.30000000000000004]"}),
    Case("int4multirange", "int4multirange", "STRING", {"{[1,3),[5,6)}"}),
    Case("ext.citext", "citext", "STRING", {"Ann", "ANN"}),
    Case("ext.citext[]", "citext[]", "STRING", {"'{Ann}'": '["Ann"]'}),
    Case("ext.hstore", "hstore", "STRING", {"'a=>NULL, b=>\"NULL\"'": '"a"=>NULL, "b"=>"NULL"'}),
    Case("ltree", "ltree", "STRING", {"top.science"}),
    Case("tsvector", "tsvector", "STRING", {"'fat':2 'rat':3"}),
    Case("point", "point", "STRING", {"(0.1,-2)"}),
    Case("polygon", "polygon", "STRING", {"((0,0),(1,1),(1,0))"}),
    Case("pg_lsn", "pg_lsn", "STRING", {"16/B374D848"}),
    Case("regclass", "regclass", "STRING", {"'pg_class'": "pg_class"}),
    Case("xid8", "xid8 as text", "STRING", {"'18446744073709551615'": "18446744073709551615"}),
)  # fmt: skip

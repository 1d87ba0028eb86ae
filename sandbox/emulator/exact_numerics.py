"""Make the emulator calculate NUMERIC and BIGNUMERIC as BigQuery does, or fail; it never loses digits.

DuckDB, the emulator's engine, reads a plain `decimal` as (18, 3), multiplies without rounding until the
result overflows, and divides in binary floating point. Here a plain NUMERIC is (38, 9), and products,
quotients, averages, casts and texts of NUMERIC follow GoogleSQL: nine digits after the decimal point, rounded
half away from zero. `pow`, `sqrt`, `ln` and other irrational functions stay binary floating point.

BIGNUMERIC has up to 76 digits, a decimal of DuckDB at most 38. Here it is (38, 10): a value with more digits
is an error.

Only DuckDB knows the types of operands, so DuckDB macros do the work: `sandbox.emulator.exact_macros`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlglot
from bqemulator.domain.errors import UnsupportedFeatureError
from bqemulator.jobs import executor
from bqemulator.sql import parameters, rules
from bqemulator.sql.rewriter import numeric_literals
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage import arrow_bridge, type_map
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.udf import types
from bqemulator.udf.sql_udf import SQLUDFRuntime
from bqemulator.udf.table_valued import TableValuedRuntime
from sqlglot import exp, parse_one
from sqlglot.generators.bigquery import BigQueryGenerator
from sqlglot.generators.duckdb import DuckDBGenerator

from sandbox.emulator.exact_expressions import (
    DECIMALS,
    EXACT,
    MAX_DIGITS,
    NANO,
    NUMBERS,
    PARAMETER,
    REPLACED,
    Average,
    Number,
    Operator,
    Parameter,
    Text,
    in_brackets,
)
from sandbox.emulator.exact_macros import BIGNUMERIC, NUMERIC, macro_statements


def _long_division(a: Decimal, b: Decimal) -> Decimal:
    return EXACT.quantize(EXACT.divide(a, b), NANO)


def _prepare_connection(self: DuckDBEngine) -> None:
    """Create the macros in each connection: a DuckDB file cannot store macros with types."""
    _apply_pragmas(self)
    if not self._started:  # a Python function is known to all connections
        self.connection.create_function(
            "exact_long_division",
            _long_division,
            [NUMERIC, NUMERIC],
            NUMERIC,
        )
    for statement in macro_statements():
        self.connection.execute(statement)


def _sql_type(self: DuckDBGenerator, kind: exp.DataType) -> str:
    """Write a type; NUMERIC and BIGNUMERIC get precision and scale."""
    if kind.this in DECIMALS and not kind.expressions:
        return NUMERIC if kind.this == exp.DType.DECIMAL else BIGNUMERIC
    return str(_write_type(self, kind))


def _apply_rules(self: SQLTranslator, sql: str, *, schema: Any = None) -> str:
    """Apply the rules to a statement in DuckDB's dialect, without asking for the types of its columns.

    The emulator would run a statement that it cannot parse again without them, and lose digits.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise UnsupportedFeatureError(
            f"the local warehouse cannot calculate this statement exactly: {error}. Rename what it points to."
        ) from error
    nodes: list[Any] = [*tree.walk()]
    changes = [self._apply_first_matching_rule(node, nodes[0]) for node in reversed(nodes)]
    return tree.sql(dialect="duckdb") if any(changes) else sql


def _bignumeric_literal(match: Any) -> str:
    """Write a BIGNUMERIC literal, or an error if it has more digits than DuckDB can hold."""
    if sum(numeric_literals._split_decimal_digits(match.group(2))) > MAX_DIGITS:
        return f"error('BIGNUMERIC {match.group(2)}: the local warehouse holds {MAX_DIGITS} digits at most')"
    return _write_literal(match)


def _with_typed_parameters(materialize: Callable[..., None], prefix: str) -> Callable[..., None]:
    """Cast the numeric parameters of a function, because DuckDB does not know their types."""

    def typed(self: Any, routine: Any, engine: DuckDBEngine) -> None:
        numbers = {
            each.name.lower(): kind
            for each in routine.arguments
            if (kind := (each.data_type or {}).get("typeKind", "").upper()) in NUMBERS
        }
        if numbers:
            tree = parse_one(prefix + routine.definition_body, read="bigquery")
            for column in list(tree.find_all(exp.Column)):
                if column.name.lower() in numbers and not column.table:
                    kind = exp.Literal.string(numbers[column.name.lower()])
                    column.replace(exp.Anonymous(this=PARAMETER, expressions=[column.copy(), kind]))
            body = tree.sql(dialect="bigquery").removeprefix(prefix)
            routine = routine.model_copy(update={"definition_body": body})
        materialize(self, routine, engine)

    return typed


def _plain_text(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_apply_pragmas = DuckDBEngine._apply_session_pragmas


_write_type: Callable[..., Any] = DuckDBGenerator.TRANSFORMS[exp.DataType]


_write_literal = numeric_literals._rewrite_bignumeric


def apply_numeric_patches() -> None:
    """Patch the emulator in this process, see the module docstring."""
    rules._REGISTRY[:] = [
        Operator,
        Average,
        Number,
        Parameter,
        *(each for each in rules._REGISTRY if each not in REPLACED),
        Text,
    ]
    executor._translator._rules = rules.get_all_rules()  # made when its module was imported
    SQLTranslator._apply_rules = _apply_rules  # type: ignore[method-assign]
    DuckDBEngine._apply_session_pragmas = _prepare_connection  # type: ignore[method-assign]
    DuckDBGenerator.TRANSFORMS[exp.DataType] = _sql_type
    DuckDBGenerator.TRANSFORMS[exp.Mod] = DuckDBGenerator.TRANSFORMS[exp.IntDiv] = in_brackets
    BigQueryGenerator.TRANSFORMS.pop(exp.Cast, None)  # it drops the digits of numeric(18, 2)
    numeric_literals._rewrite_bignumeric = _bignumeric_literal
    type_map._BQ_TO_DUCKDB["BIGNUMERIC"] = BIGNUMERIC
    parameters._BQ_SCALAR_TO_DUCKDB["BIGNUMERIC"] = BIGNUMERIC
    types._SCALAR_MAP["BIGNUMERIC"] = BIGNUMERIC
    for runtime, prefix in ((SQLUDFRuntime, "SELECT "), (TableValuedRuntime, "")):
        setattr(runtime, "materialize", _with_typed_parameters(runtime.materialize, prefix))  # noqa: B010 - mypy
    arrow_bridge._BQ_TYPE_FORMATTERS = (
        (pa.types.is_decimal, lambda value, _type, _field: _plain_text(value)),
        *arrow_bridge._BQ_TYPE_FORMATTERS,
    )

"""Make the emulator calculate NUMERIC and BIGNUMERIC as BigQuery does, or fail; never with fewer digits.

DuckDB, under the emulator, takes a plain `decimal` for (18, 3), multiplies without rounding until the result
overflows, and divides in binary floating point. Here a plain NUMERIC is (38, 9), and products, quotients,
averages, casts and texts of NUMERIC follow GoogleSQL: nine digits after the point, rounded half away from
zero. `pow`, `sqrt`, `ln` and other functions that are not rational stay binary floating point.

BIGNUMERIC has up to 76 digits, a decimal of DuckDB at most 38. It is (38, 10) here: a value with more digits
is an error.

Only DuckDB knows the types of operands, so macros of DuckDB do the work: `sandbox.exact_macros`.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa
from bqemulator.jobs import executor
from bqemulator.sql import parameters, rules
from bqemulator.sql.rewriter import numeric_literals
from bqemulator.sql.rules import TranslationRule, aggregate_types, numeric_types
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage import arrow_bridge, type_map
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.udf import types
from bqemulator.udf.sql_udf import SQLUDFRuntime
from bqemulator.udf.table_valued import TableValuedRuntime
from sqlglot import exp, parse_one
from sqlglot.generators.bigquery import BigQueryGenerator
from sqlglot.generators.duckdb import DuckDBGenerator

from sandbox.exact_macros import BIGNUMERIC, BIGNUMERIC_SCALE, NUMERIC, macro_statements

# engine: numeric
MOST_DIGITS = 38
BEYOND_BIGNUMERIC = f"The local warehouse holds {BIGNUMERIC_SCALE} digits after the point of a BIGNUMERIC."
NANO = Decimal("1e-9")
EXACT = Context(prec=100, rounding=ROUND_HALF_UP)

# Rules of the emulator that the ones below replace.
REPLACED = (
    aggregate_types.AvgDecimalRule,
    aggregate_types.DivDecimalRule,
    numeric_types.ParseNumericRule,
    numeric_types.ParseBignumericRule,
)
COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct)
DECIMALS = (exp.DType.DECIMAL, exp.DType.BIGDECIMAL)
NUMBERS = ("INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC")
TEXTS = (exp.DType.TEXT, exp.DType.VARCHAR)
PARAMETER = "exact_parameter"
WHOLE_NUMBER = exp.cast(exp.Literal.number(1), "bigint")
OPERATORS: dict[type[exp.Expression], str] = {
    exp.Mul: "exact_multiply",
    exp.SafeMultiply: "exact_multiply",
    exp.Div: "exact_divide",
    exp.IntDiv: "exact_int_divide",
}
# Next to a NUMERIC, GoogleSQL takes a literal like 0.1 for NUMERIC; otherwise it is a FLOAT64.
BESIDE_LITERALS = (exp.Add, exp.Sub, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def _long_division(a: Decimal, b: Decimal) -> Decimal:
    return EXACT.quantize(EXACT.divide(a, b), NANO)


def _prepare_connection(self: DuckDBEngine) -> None:
    """Create the macros in each connection: a file of DuckDB cannot hold macros with types."""
    _apply_pragmas(self)
    if not self._started:  # a function of Python's is known to all connections
        self.connection.create_function(
            "exact_long_division",
            _long_division,
            [NUMERIC, NUMERIC],
            NUMERIC,
        )
    for statement in macro_statements():
        self.connection.execute(statement)


def _call(name: str, operands: list[exp.Expression]) -> exp.Expression:
    """Call an overloaded macro, with operands of the same types where DuckDB cannot tell the types."""
    if not any(each.find(exp.AggFunc, exp.Window) for each in operands):
        return exp.Anonymous(this=name, expressions=[each.copy() for each in operands])
    likes = [_like(each) for each in operands]
    return exp.Anonymous(this=f"{name}_like", expressions=[*(each.copy() for each in operands), *likes])


def _like(operand: exp.Expression) -> exp.Expression:
    """Return an expression of the operand's type without aggregates and window functions."""
    return operand.copy().transform(_without_aggregate)


def _without_aggregate(node: exp.Expression) -> exp.Expression:  # noqa: PLR0911 - a table of cases
    if isinstance(node, exp.Subquery):
        return node
    if isinstance(node, exp.Window) and isinstance(node.this, exp.CumeDist | exp.PercentRank):
        return exp.cast(exp.Literal.number(1), "double")
    if isinstance(node, exp.Window):
        return _like(node.this) if node.find(exp.AggFunc) is node.this else WHOLE_NUMBER.copy()
    if isinstance(node, exp.Anonymous) and str(node.this).endswith("_like"):
        own, likes = str(node.this).removesuffix("_like"), node.expressions
        return exp.Anonymous(this=own, expressions=likes[len(likes) // 2 :])
    if isinstance(node, exp.Anonymous) and node.this == "exact_average":
        kind = node.expressions[-1]
        one, mean = exp.Literal.number(1), exp.cast(exp.Literal.number(1), "double")
        return exp.Anonymous(this="exact_average", expressions=[kind.copy(), one, mean, kind.copy()])
    if isinstance(node, COUNTS) or (isinstance(node, exp.AggFunc) and not node.this):
        return WHOLE_NUMBER.copy()
    if isinstance(node, exp.AggFunc):
        inner = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
        return _like(inner)
    return node


class Operator(TranslationRule):
    """`a * b`, `a / b` and `div(a, b)`, exact for NUMERIC; and a literal next to a NUMERIC."""

    name = "EXACT_OPERATOR"

    def applies_to(self, node: exp.Expression) -> bool:
        if type(node) in OPERATORS:
            return not (isinstance(node.this, exp.Literal) and isinstance(node.expression, exp.Literal))
        return isinstance(node, BESIDE_LITERALS) and _is_float(node.this) != _is_float(node.expression)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        left, right = node.this.unnest(), node.expression.unnest()
        if _is_float(left) != _is_float(right):
            left, right = _beside(left, right), _beside(right, left)
        if type(node) not in OPERATORS:
            return type(node)(this=exp.paren(left), expression=exp.paren(right))
        call = _call(OPERATORS[type(node)], [left, right])
        return exp.Try(this=call) if isinstance(node, exp.SafeMultiply) else call


def _is_float(node: exp.Expression) -> bool:
    literal = node.unnest().this if isinstance(node.unnest(), exp.Neg) else node.unnest()
    return isinstance(literal, exp.Literal) and not literal.is_string and not literal.name.isdigit()


def _beside(operand: exp.Expression, other: exp.Expression) -> exp.Expression:
    """Return a float literal as a number of the type that it has next to the other operand."""
    if not _is_float(operand):
        return operand
    text = exp.Literal.string(operand.sql("duckdb").replace(" ", ""))
    return exp.Anonymous(this="exact_literal", expressions=[_like(other), text])


class Average(TranslationRule):
    """`avg(x)`, exact for NUMERIC; also over a window."""

    name = "EXACT_AVERAGE"

    def applies_to(self, node: exp.Expression) -> bool:
        average = node.this if isinstance(node, exp.Window) else node
        return isinstance(average, exp.Avg) and not isinstance(node.parent, exp.Window)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        average = node.this if isinstance(node, exp.Window) else node

        def over(aggregate: exp.Expression) -> exp.Expression:
            if not isinstance(node, exp.Window):
                return aggregate
            window = node.copy()
            window.set("this", aggregate)
            return window

        parts = [over(kind(this=average.this.copy())) for kind in (exp.Sum, exp.Count, exp.Avg)]
        return exp.Anonymous(this="exact_average", expressions=[*parts, _like(average)])


class Text(TranslationRule):
    """`cast(x as string)`: a NUMERIC without zeros at the end."""

    name = "EXACT_TEXT"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Cast) and node.to.this in TEXTS and not isinstance(node.this, exp.Literal)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        text = exp.Anonymous(this="exact_text", expressions=[node.this.copy()])
        # a field of a struct in a correlated unnest loses its name if it is the call of a macro itself
        return exp.cast(text, "varchar", dialect="duckdb")


class Number(TranslationRule):
    """`cast(x as numeric)`, `parse_numeric(x)` and theirs of BIGNUMERIC."""

    name = "EXACT_NUMBER"

    def applies_to(self, node: exp.Expression) -> bool:
        if isinstance(node, exp.Cast):
            return node.to.this in DECIMALS
        return isinstance(node, exp.ParseNumeric | exp.ParseBignumeric)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        kind = (
            node.to
            if isinstance(node, exp.Cast)
            else exp.DataType.build(
                NUMERIC if isinstance(node, exp.ParseNumeric) else BIGNUMERIC, dialect="duckdb"
            )
        )
        is_safe = isinstance(node, exp.TryCast)
        if kind == exp.DataType.build(BIGNUMERIC, dialect="duckdb"):
            otherwise = exp.Null() if is_safe else _error(BEYOND_BIGNUMERIC)
            number: exp.Expression = exp.Anonymous(
                this="exact_bignumeric", expressions=[node.this.copy(), otherwise]
            )
        else:
            value = node.this.copy() if node.this.is_string else _call("exact_float", [node.this])
            if _is_float(node.this):  # its digits, not the binary value
                value = exp.Literal.string(node.this.sql("duckdb").strip("() "))
            number = exp.Cast(this=value, to=kind.copy())
        return exp.Try(this=number) if is_safe else number


class Parameter(TranslationRule):
    """A parameter of a function, with its type: DuckDB's own cast, which takes whatever it is called with."""

    name = "EXACT_PARAMETER"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Anonymous) and str(node.this).lower() == PARAMETER

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        column, kind = node.expressions
        return exp.cast(column.copy(), kind.name, dialect="bigquery")


def _error(message: str) -> exp.Expression:
    return exp.Anonymous(this="error", expressions=[exp.Literal.string(message)])


def _sql_type(self: DuckDBGenerator, kind: exp.DataType) -> str:
    """Write a type; a plain NUMERIC or BIGNUMERIC with its digits."""
    if kind.this in DECIMALS and not kind.expressions:
        return NUMERIC if kind.this == exp.DType.DECIMAL else BIGNUMERIC
    return str(_write_type(self, kind))


def _in_brackets(self: DuckDBGenerator, operation: exp.Binary) -> str:
    """Write a remainder or an integer quotient so that no operator next to it takes one operand."""
    sql = self.binary(operation, "%" if isinstance(operation, exp.Mod) else "//")
    return sql if isinstance(operation.parent, exp.Paren) else f"({sql})"


def _bignumeric_literal(match: Any) -> str:
    """Write a BIGNUMERIC literal; an error where it has more digits than DuckDB holds."""
    if sum(numeric_literals._split_decimal_digits(match.group(2))) > MOST_DIGITS:
        return f"error('BIGNUMERIC {match.group(2)}: the local warehouse holds {MOST_DIGITS} digits at most')"
    return _write_literal(match)


def _with_typed_parameters(materialize: Callable[..., None], prefix: str) -> Callable[..., None]:
    """Cast the parameters of a function that are numbers: DuckDB does not know their types otherwise."""

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


def calculate_exactly() -> None:
    """Have the emulator in this process calculate with NUMERIC and BIGNUMERIC as said above."""
    rules._REGISTRY[:] = [
        Operator,
        Average,
        Number,
        Parameter,
        *(each for each in rules._REGISTRY if each not in REPLACED),
        Text,
    ]
    executor._translator._rules = rules.get_all_rules()  # made when its module was imported
    SQLTranslator._annotate_tree = staticmethod(lambda tree, schema: tree)  # type: ignore[method-assign]
    DuckDBEngine._apply_session_pragmas = _prepare_connection  # type: ignore[method-assign]
    DuckDBGenerator.TRANSFORMS[exp.DataType] = _sql_type
    DuckDBGenerator.TRANSFORMS[exp.Mod] = DuckDBGenerator.TRANSFORMS[exp.IntDiv] = _in_brackets
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

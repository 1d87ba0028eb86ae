"""Translate expressions so that DuckDB calculates with NUMERIC as GoogleSQL does."""

from decimal import ROUND_HALF_UP, Context, Decimal

from bqemulator.sql.rules import TranslationRule, aggregate_types, numeric_types
from sqlglot import exp
from sqlglot.generators.duckdb import DuckDBGenerator

from sandbox.emulator.exact_macros import BIGNUMERIC, BIGNUMERIC_SCALE, NUMERIC

# engine: numeric
MAX_DIGITS = 38


TOO_MANY_DIGITS = (
    f"The local warehouse holds {BIGNUMERIC_SCALE} digits after the decimal point of a BIGNUMERIC."
)


NANO = Decimal("1e-9")


EXACT = Context(prec=100, rounding=ROUND_HALF_UP)


# Rules of the emulator that the rules below replace.
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


# Next to a NUMERIC, GoogleSQL reads a literal like 0.1 as NUMERIC; otherwise as FLOAT64.
LITERAL_OPERATORS = (exp.Add, exp.Sub, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def _call(name: str, operands: list[exp.Expression]) -> exp.Expression:
    """Call an overloaded macro. For aggregates add operands of the same types: DuckDB cannot infer them."""
    if not any(each.find(exp.AggFunc, exp.Window) for each in operands):
        return exp.Anonymous(this=name, expressions=[each.copy() for each in operands])
    likes = [_same_type(each) for each in operands]
    return exp.Anonymous(this=f"{name}_like", expressions=[*(each.copy() for each in operands), *likes])


def _same_type(operand: exp.Expression) -> exp.Expression:
    """Return an expression of the operand's type without aggregates and window functions."""
    return operand.copy().transform(_without_aggregate)


def _without_aggregate(node: exp.Expression) -> exp.Expression:  # noqa: PLR0911 - a table of cases
    if isinstance(node, exp.Subquery):
        return node
    if isinstance(node, exp.Window) and isinstance(node.this, exp.CumeDist | exp.PercentRank):
        return exp.cast(exp.Literal.number(1), "double")
    if isinstance(node, exp.Window):
        return _same_type(node.this) if node.find(exp.AggFunc) is node.this else WHOLE_NUMBER.copy()
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
        return _same_type(inner)
    return node


class Operator(TranslationRule):
    """`a * b`, `a / b` and `div(a, b)`, exact for NUMERIC; and a literal next to a NUMERIC."""

    name = "EXACT_OPERATOR"

    def applies_to(self, node: exp.Expression) -> bool:
        if type(node) in OPERATORS:
            return not (isinstance(node.this, exp.Literal) and isinstance(node.expression, exp.Literal))
        return isinstance(node, LITERAL_OPERATORS) and _is_float(node.this) != _is_float(node.expression)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        left, right = node.this.unnest(), node.expression.unnest()
        if _is_float(left) != _is_float(right):
            left, right = _typed_literal(left, right), _typed_literal(right, left)
        if type(node) not in OPERATORS:
            return type(node)(this=exp.paren(left), expression=exp.paren(right))
        call = _call(OPERATORS[type(node)], [left, right])
        return exp.Try(this=call) if isinstance(node, exp.SafeMultiply) else call


def _is_float(node: exp.Expression) -> bool:
    literal = node.unnest().this if isinstance(node.unnest(), exp.Neg) else node.unnest()
    return isinstance(literal, exp.Literal) and not literal.is_string and not literal.name.isdigit()


def _typed_literal(operand: exp.Expression, other: exp.Expression) -> exp.Expression:
    """Return a float literal with the type that it has next to the other operand."""
    if not _is_float(operand):
        return operand
    text = exp.Literal.string(operand.sql("duckdb").replace(" ", ""))
    return exp.Anonymous(this="exact_literal", expressions=[_same_type(other), text])


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
        return exp.Anonymous(this="exact_average", expressions=[*parts, _same_type(average)])


class Text(TranslationRule):
    """`cast(x as string)`: a NUMERIC without zeros at the end."""

    name = "EXACT_TEXT"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Cast) and node.to.this in TEXTS and not isinstance(node.this, exp.Literal)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        text = exp.Anonymous(this="exact_text", expressions=[node.this.copy()])
        # without the cast, a struct field in a correlated unnest would lose its name
        return exp.cast(text, "varchar", dialect="duckdb")


class Number(TranslationRule):
    """`cast(x as numeric)`, `parse_numeric(x)` and the same for BIGNUMERIC."""

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
            otherwise = exp.Null() if is_safe else _error(TOO_MANY_DIGITS)
            number: exp.Expression = exp.Anonymous(
                this="exact_bignumeric", expressions=[node.this.copy(), otherwise]
            )
        else:
            value = node.this.copy() if node.this.is_string else _call("exact_float", [node.this])
            if _is_float(node.this):  # the decimal digits, not the binary value
                value = exp.Literal.string(node.this.sql("duckdb").strip("() "))
            number = exp.Cast(this=value, to=kind.copy())
        return exp.Try(this=number) if is_safe else number


class Parameter(TranslationRule):
    """A parameter of a function with its type, as DuckDB's own cast, which accepts any argument."""

    name = "EXACT_PARAMETER"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.Anonymous) and str(node.this).lower() == PARAMETER

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        column, kind = node.expressions
        return exp.cast(column.copy(), kind.name, dialect="bigquery")


def _error(message: str) -> exp.Expression:
    return exp.Anonymous(this="error", expressions=[exp.Literal.string(message)])


def in_brackets(self: DuckDBGenerator, operation: exp.Binary) -> str:
    """Write a remainder or an integer quotient in brackets, to keep operator precedence."""
    sql = self.binary(operation, "%" if isinstance(operation, exp.Mod) else "//")
    return sql if isinstance(operation.parent, exp.Paren) else f"({sql})"

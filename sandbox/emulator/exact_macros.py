"""DuckDB macros that calculate with NUMERIC as GoogleSQL does, with an overload for each number type.

DuckDB cannot choose an overload by an aggregate or a window function. For those, the macro `<name>_like` has
additional arguments of the same types, which are never evaluated.
"""

NUMERIC = "DECIMAL(38, 9)"
BIGNUMERIC = "DECIMAL(38, 10)"
BIGNUMERIC_SCALE = 10

_OPERANDS = f"[struct_pack(a := cast(a as {NUMERIC}), b := cast(b as {NUMERIC}))]"
_ABSOLUTE = "struct_pack(a := x.a, b := x.b, n := abs(exact_unscaled(x.a)), d := abs(exact_unscaled(x.b)))"
_SIGN = "case when (x.a < 0) <> (x.b < 0) then -1 else 1 end"
# The partial products of integer and fractional parts: none overflows unless the result does.
_MULTIPLY = f"""list_transform({_OPERANDS}, lambda x:
    cast(trunc(x.a) as decimal(38, 0)) * x.b
    + cast(x.a - trunc(x.a) as decimal(9, 9)) * cast(trunc(x.b) as decimal(38, 0))
    + cast(cast(x.a - trunc(x.a) as decimal(9, 9)) * cast(x.b - trunc(x.b) as decimal(9, 9)) as {NUMERIC})
)[1]"""
# Long division in billionths; Python's decimal if the divisor is too large for that.
_DIVIDE = f"""list_transform(list_transform({_OPERANDS}, lambda x: {_ABSOLUTE}), lambda x:
    case
        when x.d < 10000000000000000000000000000::hugeint then {_SIGN} * (
            cast(x.n // x.d as decimal(38, 0))
            + cast((x.n % x.d * 2000000000 + x.d) // (2 * x.d) as decimal(38, 0)) * 0.000000001::{NUMERIC}
        )
        else exact_long_division(x.a, x.b)
    end
)[1]"""
_INT_DIVIDE = f"""list_transform(list_transform({_OPERANDS}, lambda x: {_ABSOLUTE}), lambda x:
    cast({_SIGN} * (x.n // x.d) as {NUMERIC})
)[1]"""


INTEGERS = ("bigint", "hugeint")
Bodies = dict[tuple[str, ...], str]


def _by_kind(native: str, decimal: str) -> Bodies:
    """Return the macro bodies for operands of unknown type, floats, integers and NUMERIC."""
    integers: Bodies = {(left, right): native for left in INTEGERS for right in INTEGERS}
    return {("", ""): native, ("double", "double"): native, **integers, (NUMERIC, NUMERIC): decimal}


# an integer times a NUMERIC needs no rounding
_INTEGER_TIMES: Bodies = {
    (NUMERIC, "bigint"): f"cast(a as {NUMERIC}) * cast(b as decimal(38, 0))",
    ("bigint", NUMERIC): f"cast(a as decimal(38, 0)) * cast(b as {NUMERIC})",
}
BINARY = {
    "exact_multiply": _by_kind("a * b", _MULTIPLY) | _INTEGER_TIMES,
    "exact_divide": _by_kind("a / b", _DIVIDE),
    "exact_int_divide": _by_kind("a // b", _INT_DIVIDE),
}
_TEXT_OF_FLOAT = "case when typeof(x) = 'DOUBLE' then printf('%.60f', x) else cast(x as varchar) end"
# A float becomes NUMERIC by its exact binary value: split into two parts it keeps all digits
_FLOAT = f"cast(cast(trunc(a) as decimal(38, 0)) + cast(a - trunc(a) as decimal(10, 9)) as {NUMERIC})"
_TO_NUMERIC: Bodies = {(kind,): "a" for kind in ("", NUMERIC, *INTEGERS)}
_TO_NUMERIC["double",] = _FLOAT
UNARY = {"exact_float": _TO_NUMERIC}
MACROS = (
    """create or replace temp macro exact_unscaled(x) as
    cast(trunc(x) as hugeint) * 1000000000 + cast((x - trunc(x)) * 1000000000 as hugeint)""",
    """create or replace temp macro exact_text(x) as case
        when typeof(x) like 'DECIMAL%' and contains(cast(x as varchar), '.')
        then rtrim(rtrim(cast(x as varchar), '0'), '.')
        else cast(x as varchar)
    end""",
    rf"""create or replace temp macro exact_bignumeric(x, otherwise) as case
        when regexp_matches({_TEXT_OF_FLOAT}, '\.\d{{{BIGNUMERIC_SCALE}}}\d*[1-9]|[eE]-') then otherwise
        else cast(x as {BIGNUMERIC})
    end""",
)


def macro_statements() -> list[str]:
    """Return the statements that create the macros in a connection."""
    literals = dict.fromkeys(("", "double", *INTEGERS), "cast(digits as double)")
    literals[NUMERIC] = f"cast(digits as {NUMERIC})"
    typed = ", ".join(f"(other {kind}, digits) as {body}" for kind, body in literals.items())
    means = dict.fromkeys(("", "double", *INTEGERS), "mean") | {NUMERIC: "exact_divide_like(s, n, x, 1)"}
    overloads = ", ".join(f"(s, n, mean, x {kind}) as {body}" for kind, body in means.items())
    return [
        *MACROS,
        *(each for name, bodies in UNARY.items() for each in _overloaded(name, ("a",), bodies)),
        *(each for name, bodies in BINARY.items() for each in _overloaded(name, ("a", "b"), bodies)),
        f"create or replace temp macro exact_average {overloads}",
        f"create or replace temp macro exact_literal {typed}",
    ]


def _overloaded(name: str, operands: tuple[str, ...], bodies: Bodies) -> list[str]:
    """Return the statements for a macro and for its `_like` variant."""
    own, like = [], []
    for kinds, body in bodies.items():
        own.append(f"({_typed(operands, kinds)}) as {body}")
        likes = _typed(tuple(f"like_{each}" for each in operands), kinds)
        like.append(f"({', '.join(operands)}, {likes}) as {body}")
    return [
        f"create or replace temp macro {name} {', '.join(own)}",
        f"create or replace temp macro {name}_like {', '.join(like)}",
    ]


def _typed(names: tuple[str, ...], kinds: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))

"""Parse the AQL formula of a metric: the names it uses and their types."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

SUMMING = frozenset({"sum", "avg", "average", "median"})
FUNCTIONS = SUMMING | {
    "min", "max", "count", "count_distinct", "count_if", "safe_divide", "coalesce", "case", "concat", "cast",
    "date_trunc", "running_total", "rank", "where", "of_all", "exact_grains", "relative_period",
    "period_to_date", "trailing_period", "exact_period", "with_relationships", "interval",
}  # fmt: skip
WORDS = frozenset({"and", "or", "not", "in", "is", "matches", "true", "false", "null"})
UNITS = frozenset(
    f"{unit}{plural}" for unit in ("year", "quarter", "month", "week", "day") for plural in ("", "s")
)
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
_TOKEN = re.compile(
    r"""\s+ | (?P<text>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*") | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_]\w*(?:\.\w+)*) | (?P<sign>==|!=|<=|>=|[-+*/%<>|(),:@])""",
    re.VERBOSE,
)
Kind = Literal["text", "number", "word", "sign"]


@dataclass(frozen=True)
class Formula:
    """An AQL expression as (kind, text) tokens."""

    tokens: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> frozenset[str]:
        """Every `model.field` in the formula."""
        return frozenset(text for kind, text in self.tokens if kind == "word" and "." in text)

    def words(self) -> Iterator[tuple[str, bool]]:
        """Yield every word without a dot, and whether it is called as a function."""
        for place, (kind, text) in enumerate(self.tokens):
            if kind == "word" and "." not in text:
                yield text, self.tokens[place + 1 : place + 2] == (("sign", "("),)


def read_aql(text: str) -> Formula:
    """Parse a formula. Raises ValueError for unknown characters or unbalanced parentheses."""
    tokens, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise ValueError(f"cannot read {text[place : place + 20]!r}")
        place = match.end()
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
    depth = 0
    for _, sign in tokens:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    if depth:
        raise ValueError("parentheses are not balanced")
    if not tokens:
        raise ValueError("the formula is empty")
    return Formula(tuple(tokens))


def type_issues(formula: Formula, types: Mapping[str, str]) -> Iterator[str]:
    """Yield sums of fields that are not numbers, and comparisons of different types."""
    tokens = formula.tokens
    for place, (_, text) in enumerate(tokens):
        if text in SUMMING and place + 2 < len(tokens):
            summed = tokens[place + 2][1]
            if types.get(summed, "number") != "number":
                yield f"{text} of {summed}, which is {types[summed]}"
        if text in COMPARISONS and 0 < place < len(tokens) - 1:
            left, (kind, right) = tokens[place - 1][1], tokens[place + 1]
            expected = types.get(left)
            given = types.get(right) or _literal(kind, right)
            if expected and given and expected != given:
                yield f"{left} is {expected} and compared with {right}"


def _literal(kind: str, text: str) -> str | None:
    if text in {"true", "false"}:
        return "truefalse"
    return {"text": "text", "number": "number"}.get(kind)

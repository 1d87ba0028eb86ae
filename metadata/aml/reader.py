"""Parse AML, as far as this project uses it, into blocks, properties and values.

    Model dim_city { label: 'City'  dimension city { .. } }      a block with a name
    Model picker = dim_employee.extend({ .. })                   a block that extends another
    block trend: VizBlock { .. }                                 a block with a name and a type
    settings { .. }                                              a block without a name
    format: 'yyyy'                                               a property

Anything else is a syntax error with a line number. Names and types are checked in `metadata/aml/check.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


class AmlSyntaxError(Exception):
    """A syntax error at a `line` of an AML file."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Text:
    """A string, or the text of a heredoc in its `language`."""

    value: str
    language: str | None = None


@dataclass(frozen=True)
class Name:
    """A name or a path of names: `dim_city.city`."""

    value: str


@dataclass(frozen=True)
class Call:
    """`r(dim_city.city)`, `pos(20, 20, 300, 140)`."""

    function: str
    arguments: tuple["Value", ...]


@dataclass(frozen=True)
class Join:
    """`fct_order.city_key > dim_city.city_key`; `sign` is > or -."""

    left: str
    sign: str
    right: str


@dataclass(frozen=True)
class Property:
    """`name: value`."""

    name: str
    value: "Value"
    line: int


@dataclass(frozen=True)
class Block:
    """`kind name: type { .. }`. `base`: the block it extends. `parts`: its content."""

    kind: str
    line: int
    name: str | None = None
    type: str | None = None
    base: str | None = None
    parts: tuple["Property | Block", ...] = field(default=())

    @property
    def blocks(self) -> tuple["Block", ...]:
        """Nested blocks."""
        return tuple(part for part in self.parts if isinstance(part, Block))

    @property
    def properties(self) -> tuple[Property, ...]:
        """Properties of the block."""
        return tuple(part for part in self.parts if isinstance(part, Property))

    def get(self, name: str) -> "Value | None":
        """Return the value of a property, or None."""
        return next((part.value for part in self.properties if part.name == name), None)

    def text(self, name: str) -> str | None:
        """Return the text of a string or heredoc property, or None."""
        found = self.get(name)
        return found.value if isinstance(found, Text) else None

    def of_kind(self, kind: str) -> tuple["Block", ...]:
        """Return the nested blocks of a kind."""
        return tuple(block for block in self.blocks if block.kind == kind)


Value: TypeAlias = Text | Name | Call | Join | Block | bool | int | float | tuple["Value", ...]


@dataclass(frozen=True)
class Token:
    """`kind`: text, heredoc, number, word or sign."""

    kind: str
    value: str
    line: int
    language: str | None = None


_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?\*/)
    | '(?P<single>(?:\\.|[^'\\\n])*)'
    | "(?P<double>(?:\\.|[^"\\\n])*)"
    | @(?P<language>[a-z]+)\b(?P<heredoc>.*?);;
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<sign>[{}\[\]():,=>-])
    """,
    re.VERBOSE | re.DOTALL,
)
# a line of AML inside SQL, AQL or Markdown means that a `;;` is missing above it
_SWALLOWED = re.compile(
    r"^\s*(?:(?:dimension|measure|metric|block|view|tab)\b[\w\s:]*\{|(?:label|type|format|definition|hidden)\s*:)",
    re.MULTILINE,
)


def read_aml(text: str) -> tuple[Block, ...]:
    """Return the blocks of a file. Raises AmlSyntaxError at the first error."""
    reader = _Reader(list(_tokens(text)))
    blocks = []
    while reader.more:
        part = reader.part()
        if isinstance(part, Property):
            raise AmlSyntaxError(part.line, f"'{part.name}' is outside of a block")
        blocks.append(part)
    return tuple(blocks)


def _tokens(text: str) -> Iterator[Token]:
    place, after = 0, 1
    while place < len(text):
        line = after
        match = _TOKEN.match(text, place)
        if not match:
            raise AmlSyntaxError(line, f"cannot read {text[place : place + 20].splitlines()[0]!r}")
        place = match.end()
        after += match[0].count("\n")
        if match["heredoc"] is not None:
            if _SWALLOWED.search(match["heredoc"]):
                raise AmlSyntaxError(line, f"the @{match['language']} is not closed: `;;` is missing")
            yield Token("heredoc", match["heredoc"].strip(), line, match["language"])
        elif match["single"] is not None or match["double"] is not None:
            quoted = match["single"] if match["single"] is not None else match["double"]
            yield Token("text", re.sub(r"\\(.)", r"\1", quoted), line)
        else:
            for kind in ("number", "word", "sign"):
                if match[kind] is not None:
                    yield Token(kind, match[kind], line)


class _Reader:
    """A recursive descent parser over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def more(self) -> bool:
        return self._place < len(self._tokens)

    def _peek(self, ahead: int = 0) -> Token:
        place = self._place + ahead
        last = self._tokens[-1].line if self._tokens else 1
        return self._tokens[place] if place < len(self._tokens) else Token("end", "the end of the file", last)

    def _next(self) -> Token:
        token = self._peek()
        self._place += 1
        return token

    def _at(self, sign: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token.kind == "sign" and token.value == sign

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.kind != "sign" or token.value != sign:
            raise AmlSyntaxError(token.line, f"expected {sign} but found {token.value!r}")

    def _word(self) -> Token:
        token = self._next()
        if token.kind != "word":
            raise AmlSyntaxError(token.line, f"expected a name but found {token.value!r}")
        return token

    def part(self) -> Property | Block:
        """Parse a property or block and an optional comma."""
        found = self._part()
        if self._at(","):
            self._next()
        return found

    def _part(self) -> Property | Block:
        kind = self._word()
        if self._at(":"):
            self._next()
            return Property(kind.value, self.value(), kind.line)
        if self._at("{"):
            return Block(kind.value, kind.line, parts=self._body())
        name = self._word().value
        if self._at("="):
            self._next()
            return self._extension(kind, name)
        if self._at(":"):
            self._next()
            kind_of = self._word().value
            return Block(kind.value, kind.line, name=name, type=kind_of, parts=self._body())
        return Block(kind.value, kind.line, name=name, parts=self._body() if self._at("{") else ())

    def _extension(self, kind: Token, name: str) -> Block:
        base, _, method = self._word().value.rpartition(".")
        if method != "extend":
            raise AmlSyntaxError(kind.line, f"'{name}' uses {method!r}, but only `extend` is supported")
        self._expect("(")
        parts = self._body()
        self._expect(")")
        return Block(kind.value, kind.line, name=name, base=base, parts=parts)

    def _body(self) -> tuple[Property | Block, ...]:
        start = self._peek()
        self._expect("{")
        parts = []
        while not self._at("}"):
            if not self.more:
                raise AmlSyntaxError(start.line, "the block is not closed: `}` is missing")
            parts.append(self.part())
        self._next()
        return tuple(parts)

    def _list(self, end: str) -> tuple[Value, ...]:
        values: list[Value] = []
        while not self._at(end):
            values.append(self.value())
            if not self._at(end):
                self._expect(",")
        self._next()
        return tuple(values)

    def value(self) -> Value:
        """Parse a value: after a colon, in a list or in parentheses."""
        token = self._next()
        match token.kind:
            case "text" | "heredoc":
                return Text(token.value, token.language)
            case "number":
                return float(token.value) if "." in token.value else int(token.value)
            case "word":
                return self._named(token)
            case "sign" if token.value == "[":
                return self._list("]")
        raise AmlSyntaxError(token.line, f"expected a value but found {token.value!r}")

    def _named(self, token: Token) -> Value:
        if token.value in {"true", "false"}:
            return token.value == "true"
        if self._at("("):
            self._next()
            return Call(token.value, self._list(")"))
        if self._at("{"):
            return Block(token.value, token.line, parts=self._body())
        if self._at(">") or self._at("-"):
            sign = self._next().value
            return Join(token.value, sign, self._word().value)
        return Name(token.value)

"""Rewrite the emulator's error messages in BigQuery's terms.

The emulator returns messages of DuckDB and SQLGlot with their names of types and functions, the rewritten
statement, and advice about DuckDB settings. A user needs to know what is wrong, and where.
"""

import re

from metadata.errors import did_you_mean

ENGINE_WORDS = re.compile(
    r"^(?:Query execution failed: )?(?:[A-Z]\w*(?: [A-Za-z]+)* (?:Error|exception): ?)?"
)
# a copy of the rewritten statement, a list of functions, or advice for users of DuckDB
NOISE = re.compile(
    r"(\n\s*)?\bLINE \d+:.*"
    r"|\n\s*Candidate (functions|bindings|tables|Entries):.*"
    r"|\n(Either add it|Use \"SET|Did you mean \"|Possible solutions|Signature).*",
    re.DOTALL,
)
WRAPPED = (
    re.compile(r"\((?:DuckDB|sqlglot): (?P<inner>.*)\)\s*$", re.DOTALL),
    re.compile(
        r"\((?:emulator [^:]*: )?(?P<inner>(?:[A-Z]\w+ ){1,4}Error: .*)\)\s*$",
        re.DOTALL,
    ),
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
CANDIDATES = re.compile(r"Candidate (?:bindings|tables|Entries): :?\s*(?P<listed>[^\n]*)")
TYPES = {
    "VARCHAR": "STRING",
    "STRING_LITERAL": "STRING",
    "INTEGER_LITERAL": "INT64",
    "BIGINT": "INT64",
    "HUGEINT": "INT64",
    "INTEGER": "INT64",
    "SMALLINT": "INT64",
    "INT32": "INT64",
    "INT128": "INT64",
    "DOUBLE": "FLOAT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "BLOB": "BYTES",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP",
    "BIGNUM": "BIGNUMERIC",
    "DECIMAL": "NUMERIC",
}
TYPE = re.compile(rf"\b({'|'.join(sorted(TYPES, key=len, reverse=True))})\b")
SCHEMA = re.compile(r'"?(?:bqemulator"?\.)?"?wwi-local__(?P<dataset>\w+)"?\.')
FUNCTION = re.compile(r"\b(?:bqemu_(\w+?)(?:_unicode)?)(?=\W|$)", re.IGNORECASE)

_NAME = r"[\"'](?P<name>[^\"']*)[\"']"
# message of the engine -> message for the user; the first match is used
MESSAGES = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), text)
    for pattern, text in (
        (rf"Referenced column {_NAME} not found", "There is no column '{name}'."),
        (r"does not have a column named \"(?P<name>[^\"]*)\"", "There is no column '{name}'."),
        (rf"Column {_NAME} in (EXCLUDE|REPLACE) list not found", "There is no column '{name}'."),
        (rf"Could not find key {_NAME} in struct", "The struct has no field '{name}'."),
        (rf"Referenced table {_NAME} not found", "FROM has no table or alias '{name}'."),
        (
            r"Table Function with name (?P<name>\w+) does not exist",
            "There is no table function '{name}'.",
        ),
        (r"Function not found: (?P<name>[\w.`]+)", "There is no function '{name}'."),
        (
            r"No function matches the given name and argument types '(?P<name>\w+)\((?P<types>[^']*)\)'",
            "The function {name} does not take ({types}). Cast the arguments.",
        ),
        (
            r"function call \"(?P<name>[^(\"]+)\((?P<types>[^\"]*)\)\"",
            "{name} does not take ({types}). Cast one of them.",
        ),
        (
            r"Cannot compare values of type (?P<a>.+?) and (?:values of )?type (?P<b>.+?)(?: - |$)",
            "{a} and {b} cannot be compared. Cast one of them.",
        ),
        (
            rf"column {_NAME} must appear in the GROUP BY",
            "The column '{name}' must be in GROUP BY or inside an aggregate function.",
        ),
        (
            r"Ambiguous reference to (?:column name|table) [\"'](?P<name>.+?)[\"'] \((?P<use>[^)]*)",
            "'{name}' is in more than one table of FROM. Write the alias of the table before it.",
        ),
        (r"set operations can only apply", "The queries of UNION have different numbers of columns."),
        (
            r"more than one row returned by a subquery",
            "A subquery that is used as a value returned more than one row.",
        ),
        (
            rf"Could not convert string {_NAME} to (?P<type>.+?)(?:\n|$)",
            "'{name}' cannot be converted to {type}.",
        ),
        (
            rf"(?P<type>date|time|timestamp) field value out of range: {_NAME}",
            "'{name}' is not a valid {type}.",
        ),
        (rf"invalid (?P<type>date|time|timestamp) field format: {_NAME}", "'{name}' is not a valid {type}."),
        (rf"Invalid (?P<type>date|time|timestamp): {_NAME}", "'{name}' is not a valid {type}."),
        (
            rf"Could not parse string {_NAME} according to format specifier [\"'](?P<format>[^\"']*)",
            "'{name}' does not match the format '{format}'.",
        ),
        (r"division by zero", "Division by zero. safe_divide(a, b) returns NULL instead."),
        (
            r"(?P<what>overflow|value is out of range|out of range for the destination)",
            "A number is out of the range of its type.",
        ),
        (
            r"Values were not provided for the following prepared statement parameters",
            "The SQL contains a query parameter (@name or ?), which has no value. Write the value itself.",
        ),
        (
            r"Macro exact_\w+\(\) has multiple overloads",
            "The local warehouse cannot multiply, divide or average columns inside a correlated UNNEST. "
            "Compute the value in the select list of a subquery first.",
        ),
        (r"aggregate function calls cannot be nested", "An aggregate function cannot contain another one."),
        (r"WHERE clause cannot contain (?P<what>[a-z ]+)", "WHERE cannot contain {what}."),
        (
            r"syntax error at or near [\"'](?P<name>.*?)[\"'](?:\n|$)",
            "Syntax error near '{name}'.",
        ),
        (
            r"(?P<what>Expected|Required|Expecting|Invalid expression|Failed to parse|Unsupported)[^\n]*"
            r"Line (?P<line>\d+), Col: (?P<column>\d+)",
            "Syntax error at line {line}, column {column}.",
        ),
        (r"Unclosed string literal|Error tokenizing", "Syntax error: a string or a comment is not closed."),
        (
            r"(?P<what>(?-i:INTERNAL Error|FATAL Error)|database has been invalidated)",
            "The local warehouse failed. Run `wwi warehouse down`, `wwi warehouse up` and try again.",
        ),
    )
)


def plain_message(text: str) -> str:
    """Return an engine error in BigQuery's terms; a message of BigQuery itself is returned unchanged."""
    text = COLOURS.sub("", text)
    inner = _inner_message(text)
    for pattern, message in MESSAGES:
        found = pattern.search(inner)
        if found:
            parts = {
                name: _without_engine_names(part)
                for name, part in found.groupdict().items()
                if part is not None
            }
            rewritten = message.format(**parts)
            return f"{rewritten} {_suggestion(parts.get('name', ''), inner)}".strip()
    if inner is text and not text.startswith("Query execution failed: "):
        return text
    return _without_engine_names(NOISE.sub("", ENGINE_WORDS.sub("", inner, count=1)).strip())


def _inner_message(text: str) -> str:
    """Return the engine's message without the text that the emulator puts around it."""
    for pattern in WRAPPED:
        found = pattern.search(text)
        if found:
            return found["inner"]
    return text


def _without_engine_names(text: str) -> str:
    text = FUNCTION.sub(r"\1", SCHEMA.sub(r"\g<dataset>.", text))
    return TYPE.sub(lambda found: TYPES[found[0]], text).replace("main.", "")


def _suggestion(name: str, text: str) -> str:
    """Return a hint with the candidates that the engine lists and that are similar to the name."""
    listed = CANDIDATES.search(text)
    if not listed or not name:
        return ""
    candidates = re.findall(r"\"([^\"]+)\"", SCHEMA.sub(r"\g<dataset>.", listed["listed"]))
    return did_you_mean(name, candidates).replace("Known here", "Near names")

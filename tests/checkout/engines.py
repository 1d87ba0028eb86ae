"""Find code that depends on the engine of the warehouse.

Checked are the Python packages, the vault and the metadata, without comments and docstrings. Tests,
documentation and dependency lists are not checked.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    "audit", "cli", "config", "dashboard", "flows", "ingestion", "metadata", "operations", "sandbox",
    "transform", "warehouse",
)  # fmt: skip

NAMES = {"warehouse_url", "resolve_warehouse_url", "LOCAL_PROJECT", "is_local"}
LIBRARIES = {"duckdb", "bqemulator", "sqlite3", "sqlglot"}
TEXTS = re.compile(r"emulator|\bduckdb\b|\bsqlite|wwi-local", re.IGNORECASE)

TARGET = re.compile(
    r"\btarget\.(name|type|profile_name|api_endpoint|method)\b|emulator|\bduckdb\b|wwi-local", re.I
)
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.S)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|(?m:^\s*#[^\n]*)", re.S)
# SQL that DuckDB or SQLite accept and BigQuery does not. The GoogleSQL analyzer checks every compiled model;
# this finds common mistakes sooner, also in SQL that no model uses yet.
OTHER_DIALECTS = re.compile(
    r"::\s*[a-z]"  # a cast
    r"|\bilike\b|\b(asof|positional|semi|anti)\s+join\b|\bexclude\s*\(|\busing\s+sample\b|\bpragma\b"
    r"|\b(strftime|julianday|datetime\s*\(\s*'now'|date_part|epoch(_ms)?|datediff|dateadd|try_cast|to_timestamp"
    r"|list_\w+|struct_pack|read_(parquet|csv|json)\w*|regexp_(matches|full_match|extract_all_groups)"
    r"|string_split|str_split|generate_series|range|printf|total_changes|last_insert_rowid|now|md5_number)\s*\("
    r"|\bas\s+(varchar|text|hugeint|ubigint|double|real|blob)\s*\)",
    re.IGNORECASE,
)


def leaks(path: Path, text: str) -> list[str]:
    """Return engine-specific code of this file, as `line: code`; `path` is relative to the checkout."""
    top = path.parts[0]
    if top in PACKAGES and path.suffix == ".py":
        return _in_python(text)
    if top == "vault" and path.suffix == ".sql":
        return _in_sql(text)
    if top in ("vault", "metadata") and path.suffix in (".yml", ".j2"):
        return _found(TARGET, _blank(SQL_COMMENT, _blank(JINJA_COMMENT, text)))
    return []


def _in_python(text: str) -> list[str]:
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        for what in _of_node(node):
            if id(node) not in docstrings:
                found.append(f"{node.lineno}: {what}")  # type: ignore[attr-defined]
    return sorted(set(found), key=lambda each: int(each.partition(":")[0]))


def _of_node(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(attr="target", value=ast.Name(id=owner)) if owner.endswith(("settings", "self")):
            yield f"{owner}.target"
        case ast.Attribute(attr="target", value=ast.Attribute(attr=owner)) if owner.endswith("settings"):
            yield f"{owner}.target"
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.keyword(arg=name) if name in NAMES:
            yield name
        case ast.alias(name=name) if name.partition(".")[0] in LIBRARIES or name in NAMES:
            yield name
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in LIBRARIES:
            yield module
        case ast.Constant(value=str(text)) if TEXTS.search(text):
            yield f"the text {text.strip()[:40]!r}"


def _in_sql(text: str) -> list[str]:
    code = _blank(SQL_COMMENT, _blank(JINJA_COMMENT, text))
    return _found(TARGET, code) + _found(OTHER_DIALECTS, _blank(JINJA, code))


def _found(pattern: re.Pattern[str], text: str) -> list[str]:
    return [f"{text.count(chr(10), 0, hit.start()) + 1}: {hit[0].strip()}" for hit in pattern.finditer(text)]


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return the text without these parts, with unchanged line numbers."""
    return pattern.sub(lambda hit: "\n" * hit[0].count("\n"), text)

"""Accept one SELECT, or one condition, and reject any other SQL text.

BigQuery returns the type of a statement in a dry run. The emulator's dry run executes scripts, so for the
emulator SQLGlot checks the text before it is sent.
"""

import logging
from collections.abc import Mapping

import sqlglot
from google.cloud.bigquery import Client
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types

from config.errors import PermanentError
from config.settings import Settings
from metadata.errors import did_you_mean
from warehouse.queries import statement_type

DIALECT = "bigquery"
READ_ONLY = (
    "`wwi query` runs one SELECT and changes nothing. Change rows in the source and load them with "
    "`wwi run`; change tables in the models under vault/ and run `wwi build`."
)
# statements that write or that the parser does not know; a common table expression may contain one
WRITING = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.TruncateTable, exp.Export)
# the parser does not know the type of every function; the engine does
TRUE_OR_FALSE = {exp.DataType.Type.BOOLEAN, exp.DataType.Type.NULL, exp.DataType.Type.UNKNOWN}
CONDITION = "A condition is one boolean expression over the columns of the table, without a subquery."

# It warns on stderr about each statement that it cannot parse completely; here that case is handled.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def checked_select(client: Client, settings: Settings, sql: str) -> str:
    """Return the statement if the text is one SELECT. Raises PermanentError for anything else."""
    if settings.target == "bigquery":  # engine: dry-run
        if not sql.strip().strip(";"):
            raise PermanentError(f"the SQL is empty. {READ_ONLY}")
        kind = statement_type(client, sql, settings.query_timeout_s)
        if kind != "SELECT":
            raise PermanentError(f"this is {_article(kind or 'other statement')}, not a SELECT. {READ_ONLY}")
        return sql
    found = [each for each in _parsed(sql, "the SQL") if not isinstance(each, exp.Semicolon)]
    if not found:
        raise PermanentError(f"the SQL is empty. {READ_ONLY}")
    if len(found) > 1:
        raise PermanentError(f"the SQL is a script of {len(found)} statements. {READ_ONLY}")
    (tree,) = found
    writing = None if isinstance(tree, exp.Query) else tree
    writing = writing or next(iter(tree.find_all(*WRITING)), None)
    if writing is not None:
        raise PermanentError(f"this is {_article(_kind(writing))}, not a SELECT. {READ_ONLY}")
    # the emulator may split a string at `;`, so the parser writes the statement again without comments
    return tree.sql(DIALECT, comments=False) if ";" in sql.rstrip().rstrip(";") else sql


def checked_condition(text: str, table: str, columns: Mapping[str, str]) -> str:
    """Return the condition as SQL if the text is one boolean expression over these columns {name: type}.

    Comments are removed. Raises PermanentError for anything else, also for a subquery.
    """
    parsed = _parsed(f"select (\n{text}\n)", f"the condition `{text}`", line_offset=1)
    tree = parsed[0] if len(parsed) == 1 else None
    is_alone = (
        isinstance(tree, exp.Select)
        and len(tree.expressions) == 1
        and isinstance(tree.expressions[0], exp.Paren)
        and not any(value for name, value in tree.args.items() if name not in {"expressions", "kind"})
    )
    inner = tree.expressions[0].this if is_alone and tree is not None else None
    if inner is None or isinstance(inner, exp.Alias | exp.Tuple) or inner.find(exp.Query, *WRITING):
        raise PermanentError(f"`{text}` is not a condition. {CONDITION} Use `wwi query` for a whole SELECT.")
    types = {name.lower(): kind for name, kind in columns.items()}
    for column in inner.find_all(exp.Column):
        if column.table or column.name.lower() not in types:
            name = column.sql(DIALECT)
            raise PermanentError(f"{table} has no column '{name}'. {did_you_mean(column.name, columns)}")
    if _type(inner, types) not in TRUE_OR_FALSE:
        raise PermanentError(f"`{text}` is not true or false. {CONDITION}")
    return str(inner.sql(DIALECT, comments=False))


def _type(expression: exp.Expr, types: Mapping[str, str]) -> object:
    """Return the type of the expression, given the types of the columns."""

    def typed(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            kind = exp.DataType.build(types[node.name.lower()], dialect=DIALECT)
            return exp.Cast(this=exp.Null(), to=kind)
        return node

    found = annotate_types(expression.copy().transform(typed), dialect=DIALECT).type
    return found.this if isinstance(found, exp.DataType) else exp.DataType.Type.UNKNOWN


def _parsed(sql: str, what: str, *, line_offset: int = 0) -> list[exp.Expr]:
    try:
        return [each for each in sqlglot.parse(sql, read=DIALECT) if each is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        line, column = first.get("line"), first.get("col")
        near = f", near '{first['highlight']}'" if first.get("highlight") else ""
        place = f" at line {line - line_offset}, column {column}{near}" if line else ""
        raise PermanentError(f"syntax error in {what}{place}.") from error
    except (SqlglotError, RecursionError) as error:
        raise PermanentError(f"syntax error in {what}: a string or a comment is not closed.") from error


def _kind(tree: exp.Expr) -> str:
    """Return the usual name of the statement: SELECT, DELETE."""
    if isinstance(tree, exp.Command | exp.Anonymous):
        return str(tree.this).upper()
    word = tree.key.upper()
    return {"TRUNCATETABLE": "TRUNCATE", "INTO": "SELECT INTO"}.get(word, word)


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "AEIOUaeiou" else f"a {word}"

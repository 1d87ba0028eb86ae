"""Quote names that are keywords only in DuckDB, such as `at`: SQLGlot has the list of Postgres."""

import duckdb
from sqlglot.generators.duckdb import DuckDBGenerator


def quote_keywords() -> None:
    """Patch the emulator in this process, see the module docstring."""
    reserved = "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
    names = {name for (name,) in duckdb.sql(reserved).fetchall()}
    DuckDBGenerator.RESERVED_KEYWORDS = DuckDBGenerator.RESERVED_KEYWORDS | names

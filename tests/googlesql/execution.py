"""Run queries in Google's reference implementation of GoogleSQL."""

import zetasql.types as zt
from zetasql.core.exceptions import ServerError

from tests.googlesql.analyzer import RefusedError, _language, _options, _service


def texts(sql: str) -> list[tuple[str | None, ...]]:
    """Return the rows of a query whose columns are all STRING.

    Raises RefusedError with Google's message.
    """
    builtin = zt.ZetaSQLBuiltinFunctionOptions(language_options=_language())
    catalog = zt.SimpleCatalog(name="reference", builtin_function_options=builtin)
    service = _service()
    try:
        prepared = service.prepare_query(sql=sql, options=_options({}), simple_catalog=catalog).prepared
        content = service.evaluate_query(prepared_query_id=prepared.prepared_query_id).content
    except ServerError as error:
        raise RefusedError(error.raw_error.partition("Message: ")[2]) from error
    service.unprepare_query(prepared_query_id=prepared.prepared_query_id)
    return [tuple(_text(cell) for cell in row.cell) for row in content.table_data.row]


def _text(cell: zt.Value) -> str | None:
    proto = cell.to_proto()
    return proto.string_value if proto.HasField("string_value") else None

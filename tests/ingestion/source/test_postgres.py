"""COPY in blocks: complete rows, errors of the server, and a connection that stays usable."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from config.errors import PermanentError
from config.parallel import read_ahead
from config.settings import Settings
from ingestion.source.errors import translated
from ingestion.source.login import Connection
from ingestion.source.postgres import cancel_query, connect, copy_out

pytestmark = pytest.mark.services

TEXT = """select i, repeat(E'a"b,\\n', i % 50) from generate_series(1, 5000) as i"""
ENDLESS = "select generate_series(1, 1000000000)"  # in the select list, rows are generated one by one


@pytest.fixture
def reader(settings: Settings) -> Iterator[Connection]:
    with closing(connect(settings)) as connection:
        connection.rollback()  # these tests continue after an error, which would abort the transaction
        yield connection


def query(text: str) -> sql.Composed:
    return sql.SQL("{}").format(sql.SQL(text))


@pytest.mark.parametrize("block_bytes", [1, 100, 4096, 10**9])
def test_blocks_end_at_row_boundaries_and_together_equal_the_copy(
    reader: Connection, block_bytes: int
) -> None:
    with reader.cursor() as cursor, cursor.copy(f"copy ({TEXT}) to stdout (format csv)".encode()) as copy:
        rows = [bytes(row) for row in copy]
    blocks = [bytes(block) for block in copy_out(reader, query(TEXT), block_bytes)]
    assert b"".join(blocks) == b"".join(rows)
    ends = set()
    position = 0
    for row in rows:
        position += len(row)
        ends.add(position)
    position = 0
    for block in blocks:
        position += len(block)
        assert position in ends
    assert all(len(block) < block_bytes + max(map(len, rows)) for block in blocks)


def test_a_query_without_rows_gives_no_block(reader: Connection) -> None:
    assert list(copy_out(reader, query("select 1 where false"), 100)) == []
    assert reader.execute("select 1").fetchone() == (1,)


def test_an_error_during_a_copy_is_raised_with_the_text_of_the_server(reader: Connection) -> None:
    blocks = copy_out(reader, query("select 1 / (i - 90000) from generate_series(1, 100000) as i"), 1000)
    with pytest.raises(PermanentError, match="reading it: division by zero"), translated("reading it"):
        for _ in read_ahead(blocks, 3):
            pass
    assert reader.execute("select 1").fetchone() == (1,)


def test_the_connection_is_usable_after_a_copy_was_stopped_early(reader: Connection) -> None:
    with closing(read_ahead(copy_out(reader, query(ENDLESS), 1000), 3)) as blocks:
        assert next(blocks).startswith(b"1\n2\n")
    assert reader.execute("select 1").fetchone() == (1,)


def test_a_copy_can_be_cancelled_from_another_thread(reader: Connection) -> None:
    blocks = read_ahead(copy_out(reader, query(ENDLESS), 1000), 3)
    next(blocks)
    cancel_query(reader)
    with pytest.raises(psycopg.errors.QueryCanceled):
        for _ in blocks:
            pass


def test_a_session_that_the_server_ends_during_a_copy_is_an_error(
    reader: Connection, source_dsn: str
) -> None:
    blocks = read_ahead(copy_out(reader, query(ENDLESS), 1000), 3)
    next(blocks)
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as admin:
        admin.execute("select pg_terminate_backend(%s)", [reader.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        for _ in blocks:
            pass

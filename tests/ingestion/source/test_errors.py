"""The SQLSTATE decides whether an error of the source is transient or permanent, in any language."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.errors import PermanentError, TransientError
from config.settings import Settings
from ingestion.source import postgres, session
from ingestion.source.errors import translated

TEXTS = {
    "57P03": "データベースシステムは起動中です",
    "57P01": "Verbindung wird abgebrochen aufgrund von Anweisung des Administrators",
    "53300": "tut mir leid, schon zu viele Verbindungen",
    "53200": "память исчерпана",
    "08006": "conexión terminada",
    "40001": "échec de sérialisation",
    "28P01": "Passwort-Authentifizierung für Benutzer »wwi« fehlgeschlagen: refused timeout starting up",
    "28000": "rôle inexistant",
    "3D000": "la base de données n'existe pas",
    "42501": "Berechtigung nur für Eigentümer",
    "22023": "parámetro no válido",
}
PERMANENT = {"28P01", "28000", "3D000", "42501", "22023"}


@contextmanager
def server(answer: bytes | None) -> Iterator[Settings]:
    """A server without encryption that gives this answer to every login; None: no answer."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                (length,) = struct.unpack("!i", client.recv(4))
                if length == 8:  # a request for encryption
                    client.recv(4)
                    client.sendall(b"N")
                    (length,) = struct.unpack("!i", client.recv(4) or struct.pack("!i", 4))
                client.recv(length - 4)
                client.sendall(answer or b"")
                if answer is None:
                    client.recv(1)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=serve, daemon=True).start()
        dsn = f"postgresql://wwi:hidden@127.0.0.1:{listener.getsockname()[1]}/wwi?connect_timeout=2"
        yield Settings(source_dsn=dsn, _env_file=None)
        listener.shutdown(socket.SHUT_RDWR)


def error_response(sqlstate: str, text: str, severity: str = "FATAL") -> bytes:
    body = b"".join(
        key + value.encode() + b"\0"
        for key, value in ((b"S", severity), (b"V", "FATAL"), (b"C", sqlstate), (b"M", text))
    )
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


@pytest.mark.parametrize("sqlstate", TEXTS)
def test_a_refused_login_is_classified_by_sqlstate(sqlstate: str) -> None:
    expected = PermanentError if sqlstate in PERMANENT else TransientError
    answer = error_response(sqlstate, TEXTS[sqlstate], "SCHWERWIEGEND")
    with server(answer) as settings, pytest.raises(expected) as error:
        postgres.connect(settings)
    assert f"SQLSTATE {sqlstate}" in str(error.value)
    assert TEXTS[sqlstate] in str(error.value)


def test_a_server_that_closes_or_does_not_answer_is_a_transient_error() -> None:
    with server(b"") as settings, pytest.raises(TransientError, match="no connection to the source"):
        postgres.connect(settings)
    with server(None) as settings, pytest.raises(TransientError, match="no answer within 2 s"):
        postgres.connect(settings)


@pytest.mark.parametrize(
    "more",
    ["sslmode=require", "sslmode=verify-full&sslrootcert=/nowhere", "sslmode=nonsense"],
)
def test_an_error_of_the_client_is_permanent(more: str) -> None:
    with server(error_response("57P03", "starting")) as settings:
        asked = settings.model_copy(update={"source_dsn": f"{settings.source_dsn}&{more}"})
        with pytest.raises(PermanentError, match="no connection to the source"):
            postgres.connect(asked)


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        ("postgresql://wwi@127.0.0.1:1/wwi", TransientError),
        ("postgresql:///wwi?host=/nowhere", TransientError),
        ("postgresql://wwi@127.0.0.1:1,127.0.0.1:2/wwi", TransientError),
        (f"postgresql://wwi@{'a' * 80}.example/wwi", PermanentError),
        ("service=no-such-service", PermanentError),
    ],
)
def test_a_server_that_cannot_be_reached(dsn: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="no connection to the source"):
        postgres.connect(Settings(source_dsn=dsn, _env_file=None))


@pytest.mark.services
def test_a_login_without_a_free_connection_is_a_transient_error(settings: Settings, source_dsn: str) -> None:
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as admin:
        admin.execute("create role busy login password 'pass' connection limit 0")
        dsn = make_conninfo(**conninfo_to_dict(source_dsn) | {"user": "busy", "password": "pass"})
        try:
            with pytest.raises(TransientError, match=r"53300.*WWI_READERS"):
                postgres.connect(settings.model_copy(update={"source_dsn": dsn}))
        finally:
            admin.execute("drop role busy")


STATES = {
    TransientError: "08006 08P01 25P03 25P04 40001 40P01 53100 53200 53300 55006 55P03 57P01 57P02 57P03 "
    "57P05 72000",
    PermanentError: "22012 22P02 25006 28P01 3D000 42501 42703 42P01 57P04 58030 XX000 XX001 0A000",
}


@pytest.mark.services
@pytest.mark.parametrize("kind", STATES)
def test_every_error_of_a_statement_is_classified_by_sqlstate(source_dsn: str, kind: type[Exception]) -> None:
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as source:
        for state in STATES[kind].split():
            raising = f"do $$ begin raise exception 'ошибка' using errcode = '{state}'; end $$"
            with pytest.raises(kind, match=r"reading it: .*ошибка"), translated("reading it"):
                source.execute(raising.encode())


@pytest.mark.services
def test_a_timeout_is_permanent_and_a_cancellation_transient(settings: Settings, source_dsn: str) -> None:
    with closing(postgres.connect(settings)) as connection:
        session.set_limit(connection, 1)
        with (
            pytest.raises(PermanentError, match=r"after 1 s\. Raise WWI_QUERY_TIMEOUT_S"),
            translated("counting", connection.limit_s),
        ):
            connection.execute("select pg_sleep(60)")
    with (
        closing(postgres.connect(settings)) as connection,
        psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as admin,
    ):
        pid = connection.info.backend_pid
        asleep = "select count(*) from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"

        def cancel() -> None:
            while admin.execute(asleep, [pid]).fetchone() == (0,):
                pass
            admin.execute("select pg_cancel_backend(%s)", [pid])

        thread = Thread(target=cancel)
        thread.start()
        with (
            pytest.raises(TransientError, match="It was cancelled at the source"),
            translated("counting", connection.limit_s),
        ):
            connection.execute("select pg_sleep(60)")
        thread.join(30)


@pytest.mark.services
@pytest.mark.parametrize("how", ["terminated", "disconnected"])
def test_a_session_that_ends_is_a_transient_error(settings: Settings, source_dsn: str, how: str) -> None:
    with closing(postgres.connect(settings)) as connection:
        if how == "terminated":
            with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as admin:
                admin.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        else:
            with socket.socket(fileno=connection.fileno()) as line:
                line.shutdown(socket.SHUT_RDWR)
                line.detach()
        with pytest.raises(TransientError, match="Run again"), translated("reading"):
            connection.execute("select 1")

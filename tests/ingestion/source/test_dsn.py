"""No part of the password of an invalid DSN is in an error, a log or a traceback."""

import logging
import os
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.errors import PermanentError, TransientError
from config.settings import Settings
from ingestion.source import dsn as source_dsn
from ingestion.source import postgres
from metadata.errors import WwiError

HEAD, TAIL = "Qz7Head", "Tail9xW"
BETWEEN = [
    *"@:/?#[&=+ %'\"\\,;",
    "\n",
    "日",
    "@h:1/",
    "://",
    "%zz",
    "%ff",
    " host=",
]
TEMPLATES = [
    "postgresql://me:{}@127.0.0.1:1/wwi",
    "postgresql://me:{}@127.0.0.1:1",
    "postgres://me:{}@[::1]:1/wwi?sslmode=disable",
    "postgresql://me;{}@127.0.0.1:1/wwi",
    "postgresql://127.0.0.1:1/wwi?user=me&password={}",
    "postgresql://127.0.0.1:1/wwi?sslpassword={}&connect_timeout=2",
    "postgresql:/me:{}@127.0.0.1:1/wwi",
    "postgresql//me:{}@127.0.0.1:1/wwi",
    "jdbc:postgresql://127.0.0.1:1/wwi?password={}",
    "me:{}@127.0.0.1:1/wwi",
    '"postgresql://me:{}@127.0.0.1:1/wwi"',
    "host=127.0.0.1 port=1 user=me password={}",
    "host=127.0.0.1 port=1 user=me password={} dbname=wwi",
    "password={} host=127.0.0.1 port=1 dbname=wwi",
    "host=127.0.0.1 port=1 user=me password='{}",
    "host=127.0.0.1 port=1 user=me password='{}' dbname=wwi",
    "host=127.0.0.1 port=1 sslpassword='{}' sslmode=prefer",
]


def printed_texts(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return all texts of an error that may be printed, including chained errors and logs."""
    chained = [error, error.__cause__, error.__context__]
    texts = [repr(each) for each in chained if each] + traceback.format_exception(error)
    return "\n".join([*texts, caplog.text])


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("between", BETWEEN)
def test_no_error_contains_a_part_of_the_password(
    template: str, between: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(source_dsn=template.format(f"{HEAD}{between}{TAIL}"), _env_file=None)
    assert HEAD not in repr(settings)
    with pytest.raises(WwiError) as error:
        postgres.connect(settings)
    assert "WWI_SOURCE_DSN" in str(error.value)
    text = printed_texts(error.value, caplog)
    assert HEAD not in text
    assert TAIL not in text


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_part_of_a_password_is_printed_by_wwi_source_dsn(template: str) -> None:
    for between in BETWEEN:
        try:
            shown = source_dsn.without_password(template.format(f"{HEAD}{between}{TAIL}"))
        except PermanentError as error:
            shown = str(error)
        assert HEAD not in shown
        assert TAIL not in shown


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_percent_encoded_password_is_decoded(password: str) -> None:
    parts = source_dsn.parse(f"postgresql://me:{quote(password, safe='')}@host.example:5433/wwi")
    assert parts["password"] == password.encode()
    assert (parts["user"], parts["host"], parts["port"]) == (b"me", b"host.example", b"5433")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql:///wwi?host=/run/postgresql",
        "postgresql://me@[::1]:5432/wwi",
        "postgresql://me@one:1,two:2/wwi?target_session_attrs=read-write",
        "postgresql://%2Frun%2Fpostgresql/wwi",
        "host=/run/postgresql dbname='my db' options='-c geqo=off -c a.b=c'",
        "host=@abstract",
        "service=wwi",
        "postgresql://münchen.example/wwi",
        " postgresql://me" + ":a:b?c#d[e@host/wwi\n",
        "",
    ],
)
def test_valid_dsns_are_accepted(dsn: str) -> None:
    assert source_dsn.parse(dsn) == {
        key: str(value).encode() for key, value in conninfo_to_dict(dsn.strip()).items()
    }


def test_a_dsn_is_printed_without_its_passwords() -> None:
    dsn = f"postgresql://me:{HEAD}@one:1,two:2/wwi?sslpassword={TAIL}&sslmode=require"
    shown = source_dsn.without_password(dsn)
    assert conninfo_to_dict(shown) == {
        "user": "me", "host": "one,two", "port": "1,2", "dbname": "wwi", "sslmode": "require",
    }  # fmt: skip


@pytest.mark.parametrize("port", ["x1", "99999", "0", "-1", "1,x"])
def test_an_invalid_port_is_refused(port: str) -> None:
    with pytest.raises(PermanentError, match="port is not a number from 1 to 65535"):
        source_dsn.parse(f"host=127.0.0.1,127.0.0.1 port={port}")


@pytest.mark.parametrize(
    "dsn", [*(f"postgresql://me:{word}@127.0.0.1:1/wwi" for word in ("%e4", "a\udcffb")), "host=a\0b"]
)
def test_invalid_bytes_in_a_dsn_raise_one_of_our_errors(dsn: str) -> None:
    with pytest.raises((PermanentError, TransientError), match="source"):
        postgres.connect(Settings(source_dsn=dsn, _env_file=None))


@pytest.mark.services
@pytest.mark.parametrize("password", ["pässwörd ' \" \\ % @ / : ? #", "x" * 200, "日本 語", "a'b\\'c"])
def test_any_password_logs_in(settings: Settings, source_dsn: str, password: str) -> None:
    with psycopg.connect(source_dsn, autocommit=True, connect_timeout=10) as admin:
        admin.execute("drop role if exists odd_password")
        admin.execute(
            psycopg.sql.SQL("create role odd_password login password {}").format(
                psycopg.sql.Literal(password)
            )
        )
    parts = conninfo_to_dict(source_dsn)
    as_uri = (
        f"postgresql://odd_password:{quote(password, safe='')}@127.0.0.1:{parts['port']}/{parts['dbname']}"
    )
    as_pairs = make_conninfo(**parts | {"user": "odd_password", "password": password})
    for dsn in (as_uri, as_pairs):
        with closing(postgres.connect(settings.model_copy(update={"source_dsn": dsn}))) as connection:
            assert connection.execute("select current_user::text").fetchone() == ("odd_password",)


@pytest.mark.services
@pytest.mark.parametrize("where", ["PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE"])
def test_a_password_from_the_environment_is_used_and_never_shown(
    settings: Settings,
    source_dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    parts = conninfo_to_dict(source_dsn)
    right = parts.pop("password")
    for password in (right, "postgres"):  # the second is also the user name, which libpq's text contains
        file = tmp_path / "file"
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:*:{password}" if where == "PGPASSFILE" else f"[shop]\npassword={password}\n")
        monkeypatch.setenv(where, str(password) if where == "PGPASSWORD" else str(file))
        own = parts | ({"service": "shop"} if where == "PGSERVICEFILE" else {})
        given = settings.model_copy(update={"source_dsn": make_conninfo(**own)})
        if password == right:
            postgres.connect(given).close()
        else:
            with pytest.raises(PermanentError, match=r"contain the password.*28P01") as error:
                postgres.connect(given)
            assert "postgres@" not in str(error.value)


@pytest.mark.services
def test_libpq_variables_apply_to_missing_parameters(
    settings: Settings, source_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(source_dsn)
    for name, key in (
        ("PGPORT", "port"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
        ("PGDATABASE", "dbname"),
    ):
        monkeypatch.setenv(name, str(parts[key]))
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGAPPNAME", "nightly")
    given = settings.model_copy(update={"source_dsn": "postgresql://source.invalid"})
    with closing(postgres.connect(given)) as connection:
        assert connection.execute("select current_setting('application_name')").fetchone() == ("nightly",)
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(PermanentError, match="SSL"):
        postgres.connect(given)


def test_an_invalid_webhook_is_not_shown() -> None:
    program = "from cli.options import settings; settings()"
    environment = os.environ | {"WWI_FAILURE_WEBHOOK": f"htp://me:{HEAD}@chat.example/{TAIL}"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "WWI_FAILURE_WEBHOOK" in done.stderr
    assert HEAD not in done.stderr
    assert TAIL not in done.stderr

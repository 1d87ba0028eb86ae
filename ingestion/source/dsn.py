"""Parse the source's DSN without showing any part of it.

A password with an unescaped @ / or space ends up in the host, the port, the database or another parameter,
and then in error messages. So an ambiguous DSN is refused, with a message that does not contain its text.
"""

import re
from collections import Counter

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from config.errors import PermanentError

HOST = re.compile(r"(/[^@]*|@[^@]+|[\w.:%-]*)")  # a socket folder, an abstract socket, a name or an address
# a user with other characters may contain the password, if the colon between them is missing
USER = re.compile(rb"[\w.@-]*")
# one parameter key = value of a DSN that libpq has already accepted
KEY = re.compile(r"\s*([^\s=]+)\s*=\s*(?:'(?:\\.|[^'\\])*'|(?:\\.|[^\s\\])*)", re.DOTALL)
HOW_TO_WRITE = (
    "Write WWI_SOURCE_DSN as postgresql://USER:PASSWORD@HOST:PORT/DB, with every character of the password "
    "that is neither letter nor digit percent-encoded (@ as %40), or leave it out and set PGPASSWORD."
)


def parse(dsn: str) -> dict[str, bytes]:
    """Return the parameters of a DSN. Raises PermanentError, without quoting the DSN."""
    problem = None
    parts: dict[str, bytes] = {}
    try:
        options = pq.Conninfo.parse(dsn.strip().encode())
        parts = {option.keyword.decode(): option.val for option in options if option.val is not None}
    except (psycopg.Error, ValueError):
        # raised below, because a chained error would show the DSN in a traceback
        problem = "it is not a Postgres DSN"
    problem = problem or _ambiguity(dsn.strip()) or _impossible(parts)
    if problem:
        raise PermanentError(f"the source's DSN cannot be read: {problem}. {HOW_TO_WRITE}")
    return parts


def without_password(dsn: str) -> str:
    """Return the DSN as key = value pairs, without passwords. Raises PermanentError as `parse` does."""
    secret = {option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"}
    parts = parse(dsn)
    if not USER.fullmatch(parts.get("user", b"")):
        secret.add("user")
    return make_conninfo("", **{key: value.decode() for key, value in parts.items() if key not in secret})


def _ambiguity(dsn: str) -> str | None:
    scheme, is_uri, rest = dsn.partition("://")
    if not is_uri or not scheme.isalnum():
        repeated = [key for key, times in Counter(KEY.findall(dsn)).items() if times > 1]
        return "it contains a parameter twice, perhaps because the password has a space" if repeated else None
    authority, _, path = rest.partition("/")
    if "@" in path or authority.count("@") > 1:
        return "it has an @ that does not separate the login from the host, perhaps in the password"
    return None


def _impossible(parts: dict[str, bytes]) -> str | None:
    """Return which parameter is invalid, without its value."""
    text = {key: value.decode(errors="replace") for key, value in parts.items()}
    if not all(HOST.fullmatch(host) for host in text.get("host", "").split(",")):
        return "its host name is not valid"
    ports = [port.strip() for port in text.get("port", "").split(",") if port.strip()]
    if not all(port.isdecimal() and 0 < int(port) < 2**16 for port in ports):
        return "its port is not a number from 1 to 65535"
    if not re.fullmatch(r"\s*-?\d*\s*", text.get("connect_timeout", "")):
        return "its connect_timeout is not a number of seconds"
    return None

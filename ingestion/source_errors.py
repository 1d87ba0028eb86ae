"""Errors of Postgres as errors of the platform: transient or permanent, and what to do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from ingestion.errors import PermanentError, TransientError

LOCK_TIMEOUT_S = 30


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn psycopg's errors into ours, with what was tried and what to do."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise PermanentError(f"{what}: {_brief(error)}. Ask the source's owner for that right.") from error
    except (psycopg.errors.CharacterNotInRepertoire, psycopg.errors.UntranslatableCharacter) as error:
        raise PermanentError(
            f"{what}: a text cannot be sent as UTF-8 ({_brief(error)}). Correct it in the source, where "
            "convert_to(column, 'SQL_ASCII') shows its bytes."
        ) from error
    except psycopg.errors.QueryCanceled as error:
        raise PermanentError(
            f"{what}: {_brief(error)}. Raise WWI_QUERY_TIMEOUT_S or WWI_COPY_TIMEOUT_S (seconds)."
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise TransientError(
            f"{what}: another session holds a table exclusively for over {LOCK_TIMEOUT_S} s. Run again later."
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise TransientError(
            f"{what}: the source was lost ({_brief(error)}). Run again when it is back."
        ) from error
    except psycopg.Error as error:
        raise PermanentError(f"{what}: {_brief(error)}") from error


def connect_error(error: psycopg.OperationalError, parts: Mapping[str, object]) -> Exception:
    """Return the error of a connection that was refused; it does not show the password."""
    where = (
        f"{parts.get('user', '')}@{parts.get('host', '')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    )
    reason = _brief(error)
    if parts.get("password"):
        reason = reason.replace(str(parts["password"]), "***")
    passing = ("refused", "timeout", "starting up", "shutting down", "too many clients", "timed out")
    kind = TransientError if any(word in reason for word in passing) else PermanentError
    return kind(
        f"no connection to the source {where}: {reason}. Check WWI_SOURCE_DSN, or run `wwi source up`."
    )


def _brief(error: psycopg.Error) -> str:
    """The server's first line; what follows can quote values of rows."""
    text = error.diag.message_primary or str(error)
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__

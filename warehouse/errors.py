"""Translate errors of the BigQuery client into TransientError (retry) or PermanentError (do not).

The `reason` of BigQuery's error says what is wrong. The HTTP status is less precise (403 can be a missing
role, a rate limit or a quota), so it is used only when there is no reason.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google_errors
from google.auth.exceptions import GoogleAuthError, TransportError

from config.errors import ConcurrentWriteError, MissingInWarehouseError, PermanentError, TransientError
from warehouse.emulator_errors import plain_message

CONNECTION_ERRORS = (requests.ConnectionError, requests.Timeout, TransportError)

# BigQuery's documentation says to retry these
BUSY_REASONS = frozenset(
    (
        "rateLimitExceeded",
        "jobRateLimitExceeded",
        "backendError",
        "jobBackendError",
        "internalError",
        "jobInternalError",
        "badGateway",
        "tableUnavailable",
    )
)
BUSY_STATUSES = (
    google_errors.TooManyRequests,
    google_errors.InternalServerError,
    google_errors.BadGateway,
    google_errors.ServiceUnavailable,
    google_errors.GatewayTimeout,
)
HINTS = {
    "accessDenied": "Grant the account the missing role.",
    "quotaExceeded": "Wait until the quota is replenished, or request a higher one.",
    "bytesBilledLimitExceeded": "Read less, or raise WWI_MAXIMUM_BYTES_BILLED.",
}
REQUEST = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) https?://\S+: ")
CONFLICTS = ("could not serialize access", "due to concurrent update", "too many dml statements outstanding")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate errors of the client within the block. `what` names the operation in the message."""
    try:
        yield
    except CONNECTION_ERRORS as error:
        raise _unreachable(what, error) from error
    except google_errors.RetryError as error:
        # the client stopped retrying; the cause decides
        cause = error.cause
        if isinstance(cause, google_errors.GoogleAPICallError):
            raise _project_error(what, cause) from error
        raise _unreachable(what, cause) from error
    except google_errors.GoogleAPICallError as error:
        raise _project_error(what, error) from error
    except GoogleAuthError as error:
        raise PermanentError(f"{what}: the credentials are not accepted ({error}). Log in again.") from error
    except TimeoutError as error:
        raise PermanentError(
            f"{what}: timed out. Raise WWI_QUERY_TIMEOUT_S or WWI_LOAD_TIMEOUT_S."
        ) from error


def is_busy(error: BaseException) -> bool:
    """Return whether BigQuery says that the same call can succeed when it is repeated."""
    if not isinstance(error, google_errors.GoogleAPICallError):
        return False
    reason = reason_of(error)
    return reason in BUSY_REASONS if reason else isinstance(error, BUSY_STATUSES)


def reason_of(error: google_errors.GoogleAPICallError) -> str | None:
    """Return BigQuery's reason of the error; None when the answer came from a proxy, not from BigQuery."""
    first = error.errors[0] if error.errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return str(reason) if reason else None


def _project_error(what: str, error: google_errors.GoogleAPICallError) -> PermanentError | TransientError:
    text, reason = plain_message(brief(error)).rstrip("."), reason_of(error)
    if any(words in brief(error).lower() for words in CONFLICTS):
        return ConcurrentWriteError(
            f"{what}: {text}. Another statement changed the table at the same time. Run again."
        )
    if is_busy(error):
        if reason is None:
            return _unreachable(what, error)
        return TransientError(f"{what}: BigQuery is busy ({reason}): {text}. Run again in a minute.")
    if isinstance(error, google_errors.NotFound):
        return MissingInWarehouseError(f"{what}: {text}")
    hint = HINTS.get(reason or "")
    if hint is None and isinstance(error, google_errors.Forbidden):
        hint = HINTS["accessDenied"]
    return PermanentError(f"{what}: {text}. {hint}" if hint else f"{what}: {text}")


def _unreachable(what: str, error: BaseException | None) -> TransientError:
    return TransientError(
        f"{what}: the warehouse cannot be reached ({type(error).__name__}). "
        "Check it with `wwi warehouse up`, or the network when the target is bigquery; then run again."
    )


def brief(error: google_errors.GoogleAPICallError) -> str:
    """Return the engine's message without the request and job details."""
    text = str(error.message or error).split("; reason:")[0].split("\n\nLocation:")[0]
    return REQUEST.sub("", text).strip()

"""Turns the errors of the BigQuery client into ours: worth another try, or not.

What is wrong stands in the `reason` of BigQuery's error; the HTTP status is a coarser copy of it (403 may be
a missing role, a rate limit or a quota) and counts only where no reason is given.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google_errors
from google.auth.exceptions import GoogleAuthError, TransportError

from config.errors import ConcurrentWriteError, MissingInWarehouseError, PermanentError, TransientError
from warehouse.emulator_errors import plain_words

CONNECTION_TROUBLE = (requests.ConnectionError, requests.Timeout, TransportError)

# BigQuery asks to come back in a moment
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
MENDS = {
    "accessDenied": "Grant the account the missing role.",
    "quotaExceeded": "Wait until the quota fills up again, or ask for more of it.",
    "bytesBilledLimitExceeded": "Read less, or raise WWI_MAXIMUM_BYTES_BILLED.",
}
REQUEST = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) https?://\S+: ")
CONFLICTS = ("could not serialize access", "due to concurrent update", "too many dml statements outstanding")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the client's errors into ours, with what was tried and what to do."""
    try:
        yield
    except CONNECTION_TROUBLE as error:
        raise _unreachable(what, error) from error
    except google_errors.RetryError as error:
        # the client tried again for as long as it may; what counts is why
        cause = error.cause
        if isinstance(cause, google_errors.GoogleAPICallError):
            raise _ours(what, cause) from error
        raise _unreachable(what, cause) from error
    except google_errors.GoogleAPICallError as error:
        raise _ours(what, error) from error
    except GoogleAuthError as error:
        raise PermanentError(f"{what}: the credentials are not accepted ({error}). Log in again.") from error
    except TimeoutError as error:
        raise PermanentError(
            f"{what}: no end in time. Raise WWI_QUERY_TIMEOUT_S or WWI_LOAD_TIMEOUT_S."
        ) from error


def is_busy(error: BaseException) -> bool:
    """Tell whether BigQuery answered that the same call will work in a moment."""
    if not isinstance(error, google_errors.GoogleAPICallError):
        return False
    reason = reason_of(error)
    return reason in BUSY_REASONS if reason else isinstance(error, BUSY_STATUSES)


def reason_of(error: google_errors.GoogleAPICallError) -> str | None:
    """BigQuery's own word for what is wrong; None when something between it and us answered."""
    first = error.errors[0] if error.errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return str(reason) if reason else None


def _ours(what: str, error: google_errors.GoogleAPICallError) -> PermanentError | TransientError:
    text, reason = plain_words(brief(error)).rstrip("."), reason_of(error)
    if any(words in brief(error).lower() for words in CONFLICTS):
        return ConcurrentWriteError(f"{what}: {text}. Another statement was quicker; run again.")
    if is_busy(error):
        if reason is None:
            return _unreachable(what, error)
        return TransientError(f"{what}: BigQuery is busy ({reason}): {text}. Run again in a minute.")
    if isinstance(error, google_errors.NotFound):
        return MissingInWarehouseError(f"{what}: {text}")
    mend = MENDS.get(reason or "")
    if mend is None and isinstance(error, google_errors.Forbidden):
        mend = MENDS["accessDenied"]
    return PermanentError(f"{what}: {text}. {mend}" if mend else f"{what}: {text}")


def _unreachable(what: str, error: BaseException | None) -> TransientError:
    return TransientError(
        f"{what}: the warehouse cannot be reached ({type(error).__name__}). "
        "Check it with `wwi warehouse up`, or the network when the target is bigquery; then run again."
    )


def brief(error: google_errors.GoogleAPICallError) -> str:
    """The engine's own words without the request and job details that follow them."""
    text = str(error.message or error).split("; reason:")[0].split("\n\nLocation:")[0]
    return REQUEST.sub("", text).strip()

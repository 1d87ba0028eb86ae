"""Turns the errors of the BigQuery client into ours: worth another try, or not."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google_errors
from google.auth.exceptions import GoogleAuthError, TransportError

from ingestion.errors import MissingInWarehouseError, PermanentError, TransientError

CONNECTION_TROUBLE = (
    requests.ConnectionError,
    requests.Timeout,
    TransportError,
    google_errors.ServiceUnavailable,
    google_errors.GatewayTimeout,
    google_errors.BadGateway,
    google_errors.TooManyRequests,
)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the client's errors into ours, with what was tried and what to do."""
    try:
        yield
    except CONNECTION_TROUBLE as error:
        raise TransientError(
            f"{what}: the warehouse cannot be reached ({type(error).__name__}). "
            "Check it with `wwi warehouse up`, or the network when the target is bigquery; then run again."
        ) from error
    except google_errors.NotFound as error:
        raise MissingInWarehouseError(f"{what}: {brief(error)}") from error
    except google_errors.Forbidden as error:
        raise PermanentError(f"{what}: {brief(error)}. Grant the account the missing role.") from error
    except GoogleAuthError as error:
        raise PermanentError(f"{what}: the credentials are not accepted ({error}). Log in again.") from error
    except TimeoutError as error:
        raise PermanentError(
            f"{what}: no end in time. Raise WWI_QUERY_TIMEOUT_S or WWI_LOAD_TIMEOUT_S."
        ) from error
    except google_errors.GoogleAPICallError as error:
        raise PermanentError(f"{what}: {brief(error)}") from error


def brief(error: google_errors.GoogleAPICallError) -> str:
    """The engine's own words without the request and job details that follow them."""
    return str(error.message or error).split("; reason:")[0].split("\n\nLocation:")[0].strip()

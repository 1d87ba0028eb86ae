"""Translate errors of the Google APIs into messages with the missing role or API and the command to run."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError

from config.errors import PermanentError, TransientError
from warehouse.errors import CONNECTION_ERRORS, brief

Result = TypeVar("Result")

_DISABLED = ("SERVICE_DISABLED", "accessNotConfigured")
_SERVICE = re.compile(r"[a-z]+\.googleapis\.com")


class ApiDisabledError(PermanentError):
    """The API is not enabled in the project."""


@contextmanager
def translated_errors(what: str, project: str, role: str) -> Iterator[None]:
    """Translate errors within the block. `what`: the resource; `role`: a role that allows the call."""
    try:
        yield
    except (*CONNECTION_ERRORS, google_errors.ServiceUnavailable) as error:
        raise TransientError(
            f"{what}: Google cannot be reached ({type(error).__name__}). Run again."
        ) from error
    except google_errors.DeadlineExceeded as error:
        raise TransientError(f"{what}: timed out. Run again.") from error
    except google_errors.Forbidden as error:  # PermissionDenied is one, too
        if is_disabled(error):
            service = _SERVICE.search(f"{error.metadata or ''} {error.message}")
            name = service.group() if service else "the API"
            raise ApiDisabledError(
                f"{what}: {name} is not enabled in {project}. Run `gcloud services enable {name} "
                f"--project={project}`. If it was just enabled, wait some minutes. Then run again."
            ) from error
        raise PermanentError(
            f"{what}: {brief(error)}. The setup needs {role}: run `gcloud projects add-iam-policy-binding "
            f"{project} --member=user:YOU --role={role}` as an owner of the project, then run again."
        ) from error
    except (google_errors.Unauthorized, GoogleAuthError) as error:
        raise PermanentError(
            f"{what}: the credentials are not accepted. Run `gcloud auth application-default login`."
        ) from error
    except google_errors.GoogleAPICallError as error:
        raise PermanentError(f"{what}: {brief(error)}") from error


def is_disabled(error: google_errors.GoogleAPICallError) -> bool:
    """Return whether the API is disabled, rather than a right missing."""
    reasons = [error.reason, *(each.get("reason") for each in error.errors if isinstance(each, dict))]
    return any(reason in _DISABLED for reason in reasons)


def is_not_yet_known(error: BaseException) -> bool:
    """Return whether a policy has a new account that is not yet known to all Google services."""
    refused = (google_errors.BadRequest, google_errors.NotFound)  # InvalidArgument is a BadRequest
    return isinstance(error, refused) and "does not exist" in str(error)


def is_outdated(error: BaseException) -> bool:
    """Return whether somebody else changed the resource between our read and our write."""
    return isinstance(error, google_errors.Aborted | google_errors.PreconditionFailed)


def retry_read_and_write(once: Callable[[], Result]) -> Result:
    """Call `once`, which reads, merges and writes with the etag, until there is no conflicting change.

    It also retries while a new account is not yet known: Google says that takes up to two minutes.
    """
    retry = Retry(
        predicate=lambda error: is_outdated(error) or is_not_yet_known(error),
        initial=0.5,
        maximum=15,
        timeout=150,
    )
    return retry(once)()

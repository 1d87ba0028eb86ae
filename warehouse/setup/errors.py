"""Turns what the Google APIs refuse into errors that name the role or the API to ask for, and the command."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError

from config.errors import PermanentError, TransientError
from warehouse.errors import CONNECTION_TROUBLE, brief

Result = TypeVar("Result")

_DISABLED = ("SERVICE_DISABLED", "accessNotConfigured")
_SERVICE = re.compile(r"[a-z]+\.googleapis\.com")


class ApiDisabledError(PermanentError):
    """The API is not switched on in the project."""


@contextmanager
def refusals(what: str, project: str, role: str) -> Iterator[None]:
    """Translate the errors of a call about `what`, for which `role` on the project suffices."""
    try:
        yield
    except (*CONNECTION_TROUBLE, google_errors.ServiceUnavailable) as error:
        raise TransientError(
            f"{what}: Google cannot be reached ({type(error).__name__}). Run again."
        ) from error
    except google_errors.DeadlineExceeded as error:
        raise TransientError(f"{what}: no answer in time. Run again.") from error
    except google_errors.Forbidden as error:  # PermissionDenied is one, too
        if is_disabled(error):
            service = _SERVICE.search(f"{error.metadata or ''} {error.message}")
            name = service.group() if service else "the API"
            raise ApiDisabledError(
                f"{what}: {name} is not enabled in {project}. Run `gcloud services enable {name} "
                f"--project={project}`; when that is done already, wait some minutes. Then run again."
            ) from error
        raise PermanentError(
            f"{what}: {brief(error)}. The set-up needs {role}: run `gcloud projects add-iam-policy-binding "
            f"{project} --member=user:YOU --role={role}` as an owner of the project, then run again."
        ) from error
    except (google_errors.Unauthorized, GoogleAuthError) as error:
        raise PermanentError(
            f"{what}: the credentials are not accepted. Run `gcloud auth application-default login`."
        ) from error
    except google_errors.GoogleAPICallError as error:
        raise PermanentError(f"{what}: {brief(error)}") from error


def is_disabled(error: google_errors.GoogleAPICallError) -> bool:
    """Whether the API is off, rather than a right missing."""
    reasons = [error.reason, *(each.get("reason") for each in error.errors if isinstance(each, dict))]
    return any(reason in _DISABLED for reason in reasons)


def is_too_new(error: BaseException) -> bool:
    """Whether a policy names an account that Google made but does not know everywhere yet."""
    refused = (google_errors.BadRequest, google_errors.NotFound)  # InvalidArgument is a BadRequest
    return isinstance(error, refused) and "does not exist" in str(error)


def is_outdated(error: BaseException) -> bool:
    """Whether somebody else changed the thing between our reading and our writing."""
    return isinstance(error, google_errors.Aborted | google_errors.PreconditionFailed)


def read_and_write(once: Callable[[], Result]) -> Result:
    """Call `once`, which reads, merges and writes with the etag it read, until nobody came in between.

    Also while an account that was just made is unknown to the policy: Google asks for up to two minutes.
    """
    again = Retry(
        predicate=lambda error: is_outdated(error) or is_too_new(error), initial=0.5, maximum=15, timeout=150
    )
    return again(once)()

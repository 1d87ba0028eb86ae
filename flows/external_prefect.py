"""Check that the Prefect API at PREFECT_API_URL answers, before a run needs it."""

import http.client
import os
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from metadata.errors import WwiError

TIMEOUT_S = 10


def check_alive() -> None:
    """Raise WwiError if nothing answers. Does not import Prefect, which takes seconds."""
    url = _address()
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise _no_prefect("it does not begin with http:// or https:// and a host")
    try:
        urllib.request.urlopen(f"{url}/health", timeout=TIMEOUT_S).close()
    except (urllib.error.HTTPError, http.client.HTTPException, ValueError):
        return  # something answers; check_access finds out whether it is Prefect
    except OSError as error:
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ssl.SSLError):  # Prefect has its own setting for trusted certificates
            raise _no_answer(reason) from error


def check_access() -> None:
    """Request one flow, without retries. Raises WwiError if the API rejects us or is not Prefect's."""
    # Prefect reads its variables on import, so they must be set first
    from httpx import TransportError  # noqa: PLC0415
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings  # noqa: PLC0415

    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": TIMEOUT_S}, sync_client=True) as client,
        ):
            client.read_flows(limit=1)
    except TransportError as error:
        raise _no_answer(error) from error
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise WwiError(
                f"the Prefect API at PREFECT_API_URL={_address()} rejected the credentials "
                f"(HTTP {status}). Set PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
            ) from error
        raise _no_prefect(f"HTTP {status}") from error
    except Exception as error:  # the client fails in many ways if the server is not Prefect
        raise _no_prefect(type(error).__name__) from error


def _no_answer(reason: object) -> WwiError:
    return WwiError(
        f"no Prefect API answers at PREFECT_API_URL={_address()}: {str(reason) or type(reason).__name__}. "
        "Start that server, or unset PREFECT_API_URL to use a temporary one."
    )


def _no_prefect(reason: str) -> WwiError:
    return WwiError(
        f"PREFECT_API_URL={_address()} is not the URL of a Prefect API: {reason}. It usually ends with "
        "/api. Correct it, or unset it to use a temporary server."
    )


def _address() -> str:
    """Return the URL without user and password."""
    parts = urlsplit(os.environ["PREFECT_API_URL"].strip())
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

"""Notify people that a run failed: send one JSON message to the URL in WWI_FAILURE_WEBHOOK.

The message has a `text`, which chat programs with webhooks display, and the same content in fields. A failed
notification does not change the result of the run.
"""

import logging
from typing import Any
from urllib.parse import urlsplit

import requests
from prefect import runtime
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.utilities.urls import url_for

from config.settings import Settings

logger = logging.getLogger(__name__)

TIMEOUT_S = (5, 10)  # to connect, to answer
ERROR_LENGTH = 1500
PREFIX = "Flow run encountered an exception: "


def notify_failure(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Send the failure to WWI_FAILURE_WEBHOOK, if it is set. A Prefect state hook."""
    url = Settings().failure_webhook
    if url is not None:
        send(url, failure_message(flow.name, run, state))


def failure_message(flow: str, run: FlowRun, state: State[Any]) -> dict[str, str | None]:
    """Return the message about a failed run: its name, when it was due, the error, and its URL in Prefect."""
    deployment = runtime.deployment.name
    error = (state.message or state.name or "").removeprefix(PREFIX)
    name = f"{flow}/{deployment}" if deployment else flow
    due = run.expected_start_time
    return {
        "text": f"{name}: run {run.name} ended as {state.name}: {shortened(error)}",
        "flow": flow,
        "deployment": deployment,
        "run": run.name,
        "run_id": str(run.id),
        "state": state.name,
        "error": shortened(error),
        "due_at": due.isoformat() if due else None,
        "url": url_for(run),
    }


def send(url: str, message: dict[str, str | None]) -> bool:
    """Post the message as JSON and return whether it was accepted. Log a failure, without the URL.

    The path of a webhook URL is a secret, so only its host is logged.
    """
    host = urlsplit(url).hostname
    try:
        response = requests.post(url, json=message, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        logger.warning("the notification to %s failed: %s", host, type(error).__name__)
        return False
    if response.status_code >= 300:
        logger.warning("the notification to %s failed: HTTP %d", host, response.status_code)
        return False
    return True


def shortened(text: str) -> str:
    """Shorten the text if it is too long for a message."""
    return text if len(text) <= ERROR_LENGTH else f"{text[: ERROR_LENGTH - 4]} ..."

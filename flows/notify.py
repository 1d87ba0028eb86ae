"""Tells people that a run failed: one JSON message to the address in WWI_FAILURE_WEBHOOK.

The message has a `text`, which the chat programs that take webhooks show, and the same in fields for
programs. Whatever becomes of it, the run ends as it would have ended.
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
    """Send what failed to the webhook of the settings, if there is one. A hook of Prefect's."""
    address = Settings().failure_webhook
    if address is not None:
        send(address, failure_message(flow.name, run, state))


def failure_message(flow: str, run: FlowRun, state: State[Any]) -> dict[str, str | None]:
    """What is said of a failed run: which one, when it was due, why it failed, and where to look."""
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


def send(address: str, message: dict[str, str | None]) -> bool:
    """Post the message as JSON and return whether it was taken; a failure is logged, without the address.

    The path of a webhook is what lets its holder write, so only its host is ever told.
    """
    host = urlsplit(address).hostname
    try:
        answer = requests.post(address, json=message, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        logger.warning("the failure could not be told to %s: %s", host, type(error).__name__)
        return False
    if answer.status_code >= 300:
        logger.warning("the failure could not be told: %s answers %d", host, answer.status_code)
        return False
    return True


def shortened(text: str) -> str:
    """The text, cut where a message would become too long to read."""
    return text if len(text) <= ERROR_LENGTH else f"{text[: ERROR_LENGTH - 4]} ..."

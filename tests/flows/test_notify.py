"""Failure notifications reach a real receiver; a failing receiver does no harm."""

import logging

import pytest

from config.errors import PermanentError
from config.settings import Settings
from flows.notify import ERROR_LENGTH, send, shortened
from tests.loopback import answering

MESSAGE = {"text": "load/nightly: run quick-fox ended as Failed: no source", "error": "no source"}
SECRET_PATH = "/hooks/T0/hidden"


def test_a_message_is_posted() -> None:
    with answering([(200, {})]) as (url, asked):
        assert send(f"{url}{SECRET_PATH}", MESSAGE)
    assert asked == [f"POST {SECRET_PATH}"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_error_of_the_receiver_is_logged_without_the_url(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with answering([(status, {})]) as (url, asked), caplog.at_level(logging.WARNING):
        assert not send(f"{url}{SECRET_PATH}", MESSAGE)
    assert len(asked) == 1
    assert f"the notification to 127.0.0.1 failed: HTTP {status}" in caplog.text
    assert "hidden" not in caplog.text


def test_a_missing_receiver_is_logged_without_the_url(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not send(f"http://127.0.0.1:9{SECRET_PATH}", MESSAGE)
    assert "the notification to 127.0.0.1 failed: ConnectionError" in caplog.text
    assert "hidden" not in caplog.text


def test_a_long_error_is_cut() -> None:
    assert len(shortened("x" * 5000)) == ERROR_LENGTH
    assert shortened("short") == "short"


@pytest.mark.parametrize(
    "wrong", ["chat.example.com/hook", "ftp://chat.example.com", "https://", "http:// x"]
)
def test_an_invalid_url_is_an_error(wrong: str) -> None:
    with pytest.raises(PermanentError, match="WWI_FAILURE_WEBHOOK"):
        Settings(failure_webhook=wrong, _env_file=None)


def test_the_url_is_not_shown() -> None:
    settings = Settings(failure_webhook=f"https://chat.example.com{SECRET_PATH}", _env_file=None)
    assert "hidden" not in repr(settings)
    assert Settings(failure_webhook="", _env_file=None).failure_webhook is None

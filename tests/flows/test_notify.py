"""A failure is told to a real receiver, and a receiver that fails does no harm."""

import logging

import pytest

from config.errors import PermanentError
from config.settings import Settings
from flows.notify import ERROR_LENGTH, send, shortened
from tests.loopback import answering

MESSAGE = {"text": "load/nightly: run quick-fox ended as Failed: no source", "error": "no source"}
SECRET_PATH = "/hooks/T0/hidden"


def test_a_message_is_posted_and_taken() -> None:
    with answering([(200, {})]) as (url, asked):
        assert send(f"{url}{SECRET_PATH}", MESSAGE)
    assert asked == [f"POST {SECRET_PATH}"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_receiver_that_refuses_is_told_without_its_address(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with answering([(status, {})]) as (url, asked), caplog.at_level(logging.WARNING):
        assert not send(f"{url}{SECRET_PATH}", MESSAGE)
    assert len(asked) == 1
    assert f"127.0.0.1 answers {status}" in caplog.text
    assert "hidden" not in caplog.text


def test_a_receiver_that_is_not_there_is_told_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert not send(f"http://127.0.0.1:9{SECRET_PATH}", MESSAGE)
    assert "could not be told to 127.0.0.1: ConnectionError" in caplog.text
    assert "hidden" not in caplog.text


def test_a_long_error_is_cut() -> None:
    assert len(shortened("x" * 5000)) == ERROR_LENGTH
    assert shortened("short") == "short"


@pytest.mark.parametrize(
    "wrong", ["chat.example.com/hook", "ftp://chat.example.com", "https://", "http:// x"]
)
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(PermanentError, match="WWI_FAILURE_WEBHOOK"):
        Settings(failure_webhook=wrong, _env_file=None)


def test_the_address_is_not_shown() -> None:
    told = Settings(failure_webhook=f"https://chat.example.com{SECRET_PATH}", _env_file=None)
    assert "hidden" not in repr(told)
    assert Settings(failure_webhook="", _env_file=None).failure_webhook is None

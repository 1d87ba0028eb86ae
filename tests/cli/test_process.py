"""Test that the exit code is that of the command, also with running threads and signals."""

import signal
import subprocess
import sys

import pytest

from cli.process import INTERRUPTED

COMMANDS = """
import threading, time
import typer
from pydantic import BaseModel, field_validator
import cli
from cli import process

class Slow(BaseModel):
    value: int

    @field_validator("value")
    @classmethod
    def wait(cls, value: int) -> int:
        time.sleep(0.01)
        return value

def validate() -> None:
    while True:
        Slow(value=1)

@cli.app.command()
def busy(code: int) -> None:
    for _ in range(4):
        threading.Thread(target=validate, daemon=True).start()
    time.sleep(0.2)
    print("half a line", end="")
    if code == 130:
        raise KeyboardInterrupt
    raise typer.Exit(code)

@cli.app.command()
def lingering() -> None:
    threading.Thread(target=time.sleep, args=[300]).start()
    print("done", flush=True)

process.main()
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("code", [0, 1, INTERRUPTED])
def test_a_thread_in_compiled_code_does_not_change_the_exit_code(code: int) -> None:
    process = started("busy", str(code))
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == "half a line"


def test_ctrl_c_during_exit_ends_the_process_at_once() -> None:
    process = started("lingering")
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)  # the process waits for its thread
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == INTERRUPTED
    assert not err

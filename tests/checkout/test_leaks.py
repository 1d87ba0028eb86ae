"""Test that the repository has no secrets and nothing specific to one machine."""

import pytest

from tests.checkout.leaks import leaks
from tests.checkout.tracked import ROOT, tracked_files

# assembled here, so that this file does not contain what it looks for
A = "a" * 40
PLANTED = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "a service account's key": '{"private_' + f'key_id": "{A}"}}',
    "an OAuth client's or user's secret": '{"refresh_' + f'token": "{A}"}}',
    "a Google API key": "key = AIza" + A[:35],
    "a Google access token": "Bearer ya29" + f".{A}",
    "a Google refresh token": "1/" + f"/0{A}",
    "a GitHub token": "gh" + f"p_{A}",
    "an AWS key": "AKIA" + "A" * 16,
    "a Slack token": "xox" + f"b-{A}",
    "a signed token": "eyJ" + f"{A}.eyJ{A}.{A}",
    "a password": "PGPASS" + "WORD=s3cr3t psql",
    "a DSN with a password": "postgresql://reader" + ":s3cr3t@db/wwi",
    "a path of a machine": "cd /ho" + "me/ann/wwi",
    "an address of an index or a file host": "pip install --index-" + "url x",
}


def test_no_tracked_file_contains_a_credential_or_a_private_address() -> None:
    files = tracked_files()
    assert len(files) > 300
    found = {}
    for path in files:
        text = (ROOT / path).read_bytes().decode("utf-8", errors="replace")
        found[path.as_posix()] = leaks(path.name, text)
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("what", PLANTED)
def test_an_injected_secret_is_found(what: str) -> None:
    assert leaks("x.py", f"first\n  {PLANTED[what]}\nlast\n") == [f"2: {what}"]


@pytest.mark.parametrize(
    "path", ["/Us" + "ers/ann", "/ro" + "ot/x", "/wo" + "rk/main", "C:\\Us" + "ers\\ann"]
)
def test_a_path_of_a_machine_is_found(path: str) -> None:
    assert leaks("x.md", f"see {path}") == ["1: a path of a machine"]


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-" + "url x",
        "x @ https://example.com/x.whl",
        "x @ file:///tmp/x.whl",
        "-f wheels",
        "-i x",
    ],
)
def test_an_index_url_in_the_requirements_is_found(line: str) -> None:
    assert leaks("requirements.txt", f"numpy==2.4\n{line}\n") != []


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://reader:password@host:5432/database",
        "postgresql://USER:PASSWORD@HOST:PORT/DB",
        'f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"',
        "https://example.com/home/page and ~/work/x and docs/home/x",
        "GOOGLE_APPLICATION_CREDENTIALS=/path/to/key.json",
        "numpy==2.4.0 ; python_version >= '3.11'",
    ],
)
def test_examples_are_not_reported(text: str) -> None:
    assert leaks("requirements.txt" if text.startswith("numpy") else "x.md", text) == []

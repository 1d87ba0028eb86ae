"""Find credentials, paths of a machine and package index URLs, which must not be in the repository."""

import re

# passwords in examples and tests, and placeholders in braces
PLACEHOLDERS = re.compile(r"password|PASSWORD|hidden|hunter2|\{.*\}")

_DSN = re.compile(r"\b[a-z][a-z+]*://[^\s:/@'\"]+:(?P<password>[^\s@'\"]+)@", re.IGNORECASE)

CREDENTIALS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a service account's key": re.compile(r"['\"](private_key|private_key_id)['\"]\s*:\s*['\"]"),
    "an OAuth client's or user's secret": re.compile(
        r"['\"](client_secret|refresh_token|access_token)['\"]\s*:\s*['\"][\w./-]{16,}|\bGOCSPX-[\w-]{20,}"
    ),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}"),
    "a Google access token": re.compile(r"\bya29\.[\w-]{20,}"),
    "a Google refresh token": re.compile(r"\b1//0[\w-]{30,}"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_\w{36,}|github_pat_\w{40,})"),
    "an AWS key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a Slack token": re.compile(r"\bxox[abpr]-[\w-]{10,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password": re.compile(r"\b(PGPASSWORD|WWI_\w*PASSWORD)\s*[=:]\s*['\"]?[^\s'\"$]{3,}"),
}
PLACES = {
    "a path of a machine": re.compile(r"(?<![\w.*/~-])/(home|Users|root|work)/[\w.-]+|\b[A-Z]:\\Users\\"),
    "an address of an index or a file host": re.compile(
        r"\b(files\.pythonhosted|pypi\.org/simple|test\.pypi|registry\.npmjs|deb\.debian)"
        r"|--(extra-)?index-url[ =]|--(find-links|trusted-host)[ =]",
    ),
}
ANY_ADDRESS = re.compile(r"\b(https?|ftp|file|git\+\w+)://|^-(i|f)\b|\s@ \S+/", re.MULTILINE)


def leaks(name: str, text: str) -> list[str]:
    """Return the findings in the file of this name, as `line: kind`, without the secret itself."""
    found = []
    for what, pattern in {**CREDENTIALS, **PLACES}.items():
        found += [(hit.start(), what) for hit in pattern.finditer(text)]
    found += [
        (hit.start(), "a DSN with a password")
        for hit in _DSN.finditer(text)
        if not PLACEHOLDERS.fullmatch(hit["password"])
    ]
    if name.startswith("requirements"):
        found += [(hit.start(), "an address") for hit in ANY_ADDRESS.finditer(text)]
    return [f"{text.count(chr(10), 0, start) + 1}: {what}" for start, what in sorted(found)]

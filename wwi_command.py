"""Start `wwi` without environment variables that would load another project's Python code.

PYTHONPATH comes before the project's own folders, so a `flows` or `typer` in it would be imported instead of
ours. Therefore this module has a unique name, and imports only the standard library until they are removed.
"""

import os
import sys

FOREIGN = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONWARNINGS",
    "PYTHONDEVMODE",
    "PYTHONOPTIMIZE",
    "PYTHONINSPECT",
)


def main() -> None:
    """Run `wwi`; if one of these variables is set, restart Python without it first."""
    found = [name for name in FOREIGN if name in os.environ]
    for name in found:
        del os.environ[name]
    if found:  # this interpreter has already read them
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    from cli import process  # noqa: PLC0415 - imports must come after the variables are removed

    process.main()

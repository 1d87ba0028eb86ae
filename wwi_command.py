"""Start `wwi` without the variables that let another project's Python code in.

PYTHONPATH comes before the project's own folders: a `flows` or `typer` in it would be taken for ours. So this
module has a name that nobody else uses, and imports nothing but the standard library before they are gone.
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
    """Run `wwi`; where one of these variables is set, in a new interpreter in place of this one."""
    found = [name for name in FOREIGN if name in os.environ]
    for name in found:
        del os.environ[name]
    if found:  # this interpreter and the child processes of `wwi` have read them, or would read them
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    from cli import process  # noqa: PLC0415 - only now is `flows` ours

    process.main()

"""Install the dbt packages of the vault: from a folder, from the dbt hub, or from vault/offline.

Run as `python -m flows.packages`; `make deps` does. WWI_DBT_PACKAGES names a folder that holds
automate_dv/ and dbt_utils/ and is then used instead of the hub.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from metadata.errors import WwiError

VAULT_DIR = Path(__file__).resolve().parents[1] / "vault"
PACKAGES = ("automate_dv", "dbt_utils")
HUB_TIMEOUT_S = 20
# What dbt never reads, and what would be a second dbt project below the package.
NOT_COPIED = shutil.ignore_patterns(".*", "integration_tests", "target", "docs", "tests")


@dataclass(frozen=True)
class Installed:
    """Where the packages in vault/dbt_packages came from, and whether this call put them there."""

    origin: str
    fresh: bool


def install(vault_dir: Path, packages_dir: Path | None, *, again: bool = False) -> Installed:
    """Bring vault_dir/dbt_packages up to date and return where its content came from.

    packages_dir: folder holding every name of PACKAGES; None asks the hub, then vault_dir/offline.
    What is installed stays while packages.yml, offline/ and packages_dir are unchanged, so that a closed
    network waits for the hub once only; `again` installs anew.
    Raises WwiError when packages_dir lacks a package.
    """
    target = vault_dir / "dbt_packages"
    wanted = _fingerprint(vault_dir, packages_dir)
    note = target / ".origin"
    if not again and note.exists() and all((target / name).is_dir() for name in PACKAGES):
        origin, _, installed = note.read_text().partition("\n")
        if installed == wanted:
            return Installed(origin, fresh=False)
    with tempfile.TemporaryDirectory(dir=vault_dir, prefix=".dbt_packages-") as scratch:
        origin = _collect(vault_dir, packages_dir, Path(scratch))
        new = Path(scratch) / "dbt_packages"
        (new / ".origin").write_text(f"{origin}\n{wanted}")
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
    return Installed(origin, fresh=True)


def _collect(vault_dir: Path, packages_dir: Path | None, scratch: Path) -> str:
    """Put the packages into scratch/dbt_packages and return a phrase that names their origin."""
    if packages_dir is not None:
        _copy(packages_dir, scratch / "dbt_packages")
        return f"the folder {packages_dir}"
    if _from_hub(vault_dir, scratch):
        return "the dbt hub"
    shutil.rmtree(scratch / "dbt_packages", ignore_errors=True)
    _copy(vault_dir / "offline", scratch / "dbt_packages")
    return "vault/offline (the dbt hub could not be reached)"


def _copy(source: Path, target: Path) -> None:
    missing = [name for name in PACKAGES if not (source / name / "dbt_project.yml").is_file()]
    if missing:
        raise WwiError(
            f"No dbt package {' and no '.join(missing)} in {source}. "
            "Let WWI_DBT_PACKAGES name the folder that holds both, or unset it to use the dbt hub."
        )
    for name in PACKAGES:
        shutil.copytree(source / name, target / name, ignore=NOT_COPIED)


def _from_hub(vault_dir: Path, scratch: Path) -> bool:
    """Let `dbt deps` fetch the packages in a project of its own, so that a failure leaves nothing behind."""
    for name in ("packages.yml", "dbt_project.yml"):
        shutil.copy(vault_dir / name, scratch / name)
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "--quiet", "deps", "--project-dir", str(scratch), "--profiles-dir", str(vault_dir)]
    try:
        done = subprocess.run(command, timeout=HUB_TIMEOUT_S, capture_output=True, check=False, cwd=scratch)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and all((scratch / "dbt_packages" / name).is_dir() for name in PACKAGES)


def _fingerprint(vault_dir: Path, packages_dir: Path | None) -> str:
    """A digest of everything that decides what gets installed."""
    digest = hashlib.sha256(str(packages_dir).encode())
    files = [vault_dir / "packages.yml"]
    for folder in [packages_dir or vault_dir / "offline"]:
        files += sorted(path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
    for path in files:
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Command line: install into the project's own vault and say in one line what stands there."""
    parser = argparse.ArgumentParser(prog="python -m flows.packages", description=__doc__)
    parser.add_argument("--again", action="store_true", help="install anew, asking the hub again")
    arguments = parser.parse_args()
    folder = os.environ.get("WWI_DBT_PACKAGES")
    try:
        found = install(VAULT_DIR, Path(folder).resolve() if folder else None, again=arguments.again)
    except WwiError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"dbt packages {'installed' if found.fresh else 'already installed'} from {found.origin}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

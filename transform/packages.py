"""Install the dbt packages of the vault: from a folder, from the dbt hub, or from vault/offline.

Run as `python -m transform.packages`; `make deps` does. WWI_DBT_PACKAGES names a folder that holds
automate_dv/ and dbt_utils/ and is then used instead of the hub. The packages in vault/offline are stand-ins
written for this project, with `+offline` in their versions: the ledger records them, and a build on BigQuery
with them must be allowed explicitly.
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

import yaml

from config.errors import PermanentError
from config.settings import Settings
from metadata.errors import WwiError

VAULT_DIR = Path(__file__).resolve().parents[1] / "vault"
PACKAGES = ("automate_dv", "dbt_utils")
HUB_TIMEOUT_S = 20
HUB_VARIABLES = ("DBT_PACKAGE_HUB_URL", "DBT_HTTP_TIMEOUT")
FOLDER, HUB, OFFLINE = "the folder", "the dbt hub", "vault/offline"
OFFLINE_VERSION = "+offline"
# Files that dbt does not need, and folders that contain another dbt project.
IGNORED_FILES = shutil.ignore_patterns(".*", "integration_tests", "target", "docs", "tests")


@dataclass(frozen=True)
class Installed:
    """Where the packages in vault/dbt_packages came from, and whether this call installed them."""

    origin: str
    fresh: bool


def install(vault_dir: Path, packages_dir: Path | None, *, again: bool = False) -> Installed:
    """Install the packages into vault_dir/dbt_packages and return their origin.

    packages_dir: folder that contains all PACKAGES; None uses the hub, then vault_dir/offline.
    Installed packages are kept while packages.yml, offline/ and packages_dir are unchanged, so that a machine
    without network waits for the hub only once; `again` reinstalls.
    Raises WwiError when packages_dir lacks a package, or vault_dir is not writable.
    """
    target = vault_dir / "dbt_packages"
    wanted = _fingerprint(vault_dir, packages_dir)
    note = target / ".origin"
    if not again and note.exists() and all((target / name).is_dir() for name in PACKAGES):
        came_from, _, installed = note.read_text().partition("\n")
        if installed == wanted:
            return Installed(came_from, fresh=False)
    try:
        scratch_folder = tempfile.TemporaryDirectory(dir=vault_dir, prefix=".dbt_packages-")
    except OSError as error:
        raise PermanentError(
            f"cannot install the dbt packages: the folder {vault_dir} is not writable ({error.strerror}). "
            "Make it writable for this step, or run `wwi deps` there as a user who can write to it; "
            "all other commands write below WWI_HOME only."
        ) from error
    with scratch_folder as scratch:
        came_from = _collect(vault_dir, packages_dir, Path(scratch))
        new = Path(scratch) / "dbt_packages"
        (new / ".origin").write_text(f"{came_from}\n{wanted}")
        shutil.rmtree(target, ignore_errors=True)
        new.rename(target)
    return Installed(came_from, fresh=True)


def versions(vault_dir: Path) -> dict[str, str]:
    """Return the versions of the installed packages, by name."""
    found = {}
    for path in sorted(vault_dir.glob("dbt_packages/*/dbt_project.yml")):
        project = yaml.safe_load(path.read_text(encoding="utf-8"))
        found[str(project.get("name"))] = str(project.get("version"))
    return found


def origin(vault_dir: Path) -> str:
    """Return where the installed packages came from, for the ledger: hub, offline, folder, or unknown."""
    note = vault_dir / "dbt_packages" / ".origin"
    text = note.read_text() if note.exists() else ""
    if text.startswith(OFFLINE) or any(
        OFFLINE_VERSION in version for version in versions(vault_dir).values()
    ):
        return "offline"
    return "hub" if text.startswith(HUB) else "folder" if text.startswith(FOLDER) else "unknown"


def fail_on_offline_packages(settings: Settings, vault_dir: Path) -> None:
    """Raise PermanentError when a build on BigQuery would use the offline packages without permission."""
    if not settings.accepts_offline_packages and origin(vault_dir) == "offline":
        raise PermanentError(
            f"the dbt packages in {vault_dir / 'dbt_packages'} are the stand-ins of vault/offline, not "
            "AutomateDV and dbt-utils, and WWI_TARGET is bigquery. Nothing was built. Run `wwi deps --again` "
            "where the dbt hub can be reached, or set WWI_DBT_PACKAGES to a folder with both. "
            "WWI_ALLOW_OFFLINE_PACKAGES=true builds with the stand-ins."
        )


def summary(installed: Installed, vault_dir: Path) -> str:
    """Return one line with the installed packages, and a second one if they are the offline packages."""
    named = ", ".join(f"{name} {version}" for name, version in versions(vault_dir).items())
    verb = "installed" if installed.fresh else "already installed"
    text = f"dbt packages {verb} from {installed.origin}: {named}."
    if origin(vault_dir) != "offline":
        return text
    return (
        f"{text}\nNOTE: these are not AutomateDV and dbt-utils but this project's stand-ins for closed "
        "networks. `wwi deps --again` tries the hub again."
    )


def _collect(vault_dir: Path, packages_dir: Path | None, scratch: Path) -> str:
    """Put the packages into scratch/dbt_packages and return a phrase that names their origin."""
    if packages_dir is not None:
        _copy(packages_dir, scratch / "dbt_packages")
        return f"{FOLDER} {packages_dir}"
    if _from_hub(vault_dir, scratch):
        return HUB
    shutil.rmtree(scratch / "dbt_packages", ignore_errors=True)
    _copy(vault_dir / "offline", scratch / "dbt_packages")
    return f"{OFFLINE} (the dbt hub could not be reached)"


def _copy(source: Path, target: Path) -> None:
    missing = [name for name in PACKAGES if not (source / name / "dbt_project.yml").is_file()]
    if missing:
        raise WwiError(
            f"No dbt package {' and no '.join(missing)} in {source}. "
            "Set WWI_DBT_PACKAGES to the folder that contains both, or unset it to use the dbt hub."
        )
    for name in PACKAGES:
        shutil.copytree(source / name, target / name, ignore=IGNORED_FILES)


def _from_hub(vault_dir: Path, scratch: Path) -> bool:
    """Run `dbt deps` in a scratch project, so that a failure leaves nothing behind."""
    for name in ("packages.yml", "dbt_project.yml"):
        shutil.copy(vault_dir / name, scratch / name)
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "--quiet", "deps", "--project-dir", str(scratch), "--profiles-dir", str(vault_dir)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in HUB_VARIABLES or not name.startswith("DBT_")
    }
    try:
        done = subprocess.run(
            command, timeout=HUB_TIMEOUT_S, capture_output=True, check=False, cwd=scratch, env=environment
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and all((scratch / "dbt_packages" / name).is_dir() for name in PACKAGES)


def _fingerprint(vault_dir: Path, packages_dir: Path | None) -> str:
    """Return a hash of everything that decides what gets installed."""
    digest = hashlib.sha256(str(packages_dir).encode())
    files = [vault_dir / "packages.yml"]
    for folder in [packages_dir or vault_dir / "offline"]:
        files += sorted(path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
    for path in files:
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Install the packages of the vault and print what is installed."""
    parser = argparse.ArgumentParser(prog="python -m transform.packages", description=__doc__)
    parser.add_argument("--again", action="store_true", help="reinstall, trying the hub again")
    arguments = parser.parse_args()
    try:
        print(summary(install(VAULT_DIR, Settings().dbt_packages, again=arguments.again), VAULT_DIR))
    except WwiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

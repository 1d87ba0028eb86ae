"""Test installing the dbt packages from a folder, or the offline ones if the hub is unreachable."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import PermanentError
from config.settings import Settings
from metadata.errors import WwiError
from sandbox.programs import server_user
from transform.packages import (
    PACKAGES,
    VAULT_DIR,
    fail_on_offline_packages,
    install,
    origin,
    summary,
    versions,
)

# as an unprivileged user if root runs the tests; the relative path avoids parent folders
INSTALL_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from transform.packages import install
os.chdir(sys.argv[1])
if sys.argv[2:]:
    os.setgroups([]), os.setegid(int(sys.argv[3])), os.seteuid(int(sys.argv[2]))
install(Path("vault"), None)
"""


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """Return a vault folder with package list, settings and offline packages, but nothing installed."""
    vault = tmp_path / "vault"
    vault.mkdir()
    for name in ("dbt_project.yml", "packages.yml", "profiles.yml"):
        shutil.copy(VAULT_DIR / name, vault / name)
    shutil.copytree(VAULT_DIR / "offline", vault / "offline")
    return vault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with both packages and an additional file."""
    folder = tmp_path / "packages"
    shutil.copytree(VAULT_DIR / "offline", folder)
    (folder / "automate_dv" / "macros" / "theirs.sql").write_text("{% macro theirs() %}{% endmacro %}")
    return folder


def installed(vault: Path, file: str) -> Path:
    return vault / "dbt_packages" / file


def test_the_folder_in_the_settings_is_used(vault: Path, folder: Path) -> None:
    assert install(vault, folder).origin == f"the folder {folder}"
    assert installed(vault, "automate_dv/macros/theirs.sql").exists()
    assert installed(vault, "dbt_utils/dbt_project.yml").exists()


def test_files_of_other_dbt_projects_are_not_copied(vault: Path, folder: Path) -> None:
    (folder / "dbt_utils" / "integration_tests").mkdir()
    (folder / "dbt_utils" / "integration_tests" / "dbt_project.yml").write_text("name: other")
    install(vault, folder)
    assert not installed(vault, "dbt_utils/integration_tests").exists()


def test_a_missing_package_is_reported_and_installed_packages_are_kept(vault: Path, folder: Path) -> None:
    install(vault, folder)
    shutil.rmtree(folder / "dbt_utils")
    with pytest.raises(WwiError, match=r"No dbt package dbt_utils in .*WWI_DBT_PACKAGES"):
        install(vault, folder)
    assert installed(vault, "dbt_utils/dbt_project.yml").exists()


def test_packages_are_installed_again_only_after_a_change(vault: Path, folder: Path) -> None:
    assert install(vault, folder).fresh
    assert not install(vault, folder).fresh
    (folder / "automate_dv" / "macros" / "theirs.sql").write_text("{% macro new() %}{% endmacro %}")
    assert install(vault, folder).fresh
    assert "new" in installed(vault, "automate_dv/macros/theirs.sql").read_text()
    assert install(vault, folder, again=True).fresh


def test_without_the_hub_the_offline_packages_are_installed(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", "http://127.0.0.1:9/")  # no server listens on this port
    found = install(vault, None)
    assert found.origin == "vault/offline (the dbt hub could not be reached)"
    for name in PACKAGES:
        ours = sorted(path.name for path in (vault / "offline" / name).rglob("*"))
        assert sorted(path.name for path in installed(vault, name).rglob("*")) == ours
    assert list(vault.glob(".dbt_packages-*")) == []
    assert not install(vault, None).fresh
    assert versions(vault) == {"automate_dv": "0.11.5+offline", "dbt_utils": "1.4.1+offline"}
    assert origin(vault) == "offline"
    shown = summary(found, vault)
    assert "automate_dv 0.11.5+offline, dbt_utils 1.4.1+offline" in shown
    assert "NOTE: these are not AutomateDV and dbt-utils" in shown


def as_originals(folder: Path) -> None:
    """Give the packages the versions of the hub."""
    for file in folder.glob("*/dbt_project.yml"):
        file.write_text(file.read_text().replace("+offline", ""))


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("the dbt hub", "hub"),
        ("the folder /somewhere", "folder"),
        ("vault/offline (the dbt hub could not be reached)", "offline"),  # installed by an earlier release
        (None, "unknown"),  # installed by `dbt deps`
    ],
)
def test_the_origin_of_installed_packages_is_recorded(
    vault: Path, folder: Path, note: str | None, expected: str
) -> None:
    as_originals(folder)
    install(vault, folder)
    file = installed(vault, ".origin")
    file.unlink() if note is None else file.write_text(f"{note}\ndigest")
    assert origin(vault) == expected


def test_stand_ins_in_a_given_folder_are_recognized(vault: Path, folder: Path) -> None:
    install(vault, folder)
    assert origin(vault) == "offline"


def test_stand_ins_build_on_bigquery_only_if_allowed(vault: Path, folder: Path) -> None:
    install(vault, folder)
    project = Settings(target="bigquery", allow_offline_packages=False, _env_file=None)
    with pytest.raises(PermanentError, match=r"stand-ins of vault/offline.*WWI_ALLOW_OFFLINE_PACKAGES=true"):
        fail_on_offline_packages(project, vault)
    fail_on_offline_packages(project.model_copy(update={"allow_offline_packages": True}), vault)
    fail_on_offline_packages(project.model_copy(update={"target": "local"}), vault)
    as_originals(folder)
    install(vault, folder)
    fail_on_offline_packages(project, vault)


def test_an_unwritable_folder_is_reported(vault: Path) -> None:
    vault.parent.chmod(0o755)
    for path in (vault, *vault.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    user = server_user()
    ids = [str(user.pw_uid), str(user.pw_gid)] if user else []
    done = subprocess.run(
        [sys.executable, "-c", INSTALL_UNPRIVILEGED, str(vault.parent), *ids],
        cwd=VAULT_DIR.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    vault.chmod(0o755)
    assert "the folder vault is not writable (Permission denied)" in done.stderr
    assert "run `wwi deps` there as a user who can write to it" in done.stderr

"""Test that a home can have any name, is private, and leaves permissions of parent folders unchanged."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.errors import PermanentError
from config.private_files import keep_private
from config.settings import Settings
from sandbox import postgres, programs, warehouse
from tests.shop import SHOP, World, create
from warehouse.client import connect

ODD = "home é 'q' \"d\" $HOME `id` %41 #a;&[x]* k=v \n {end}"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def closed_parent(tmp_path: Path) -> Path:
    """Return a folder that only its owner can enter."""
    parent = tmp_path / "parent"
    parent.mkdir(mode=0o700)
    return parent


def open_to_others(home: Path) -> list[str]:
    found = [home, *home.rglob("*")]
    return [f"{path} {stat.filemode(path.lstat().st_mode)}" for path in found if path.lstat().st_mode & 0o077]


@pytest.mark.services
@pytest.mark.local("it starts services in a folder of its own")
@pytest.mark.usefixtures("open_umask")
def test_a_batch_in_a_folder_with_an_odd_name_is_loaded_and_private(closed_parent: Path) -> None:
    home = closed_parent / ODD
    home.mkdir(mode=0o755)
    settings = Settings(home=home, _env_file=None)
    above = [path.stat().st_mode for path in home.parents]
    try:
        admin_dsn = postgres.up(settings)["admin_dsn"]
        warehouse.up(settings)
        with psycopg.connect(admin_dsn, autocommit=True) as source:
            create(source, SHOP.tables)
            source.execute("insert into shop.accounts values (1, 'Ann', 1, 'x'), (2, 'Bob', 2, 'y')")
            world = World(
                settings.model_copy(update={"source_dsn": admin_dsn}),
                SHOP,
                source,
                connect(settings),
            )
            world.load()
            source.execute("insert into shop.accounts values (3, 'Cid', 3, 'z')")
            assert world.load().batch_id == 2
            assert [row["owner"] for row in world.latest("shop.accounts")] == ["Ann", "Bob", "Cid"]
        assert open_to_others(home) == []
    finally:
        warehouse.down(settings)
        assert postgres.down(settings)
    assert [path.stat().st_mode for path in home.parents] == above
    assert list((home / "warehouse" / "loads").iterdir()) == []


@pytest.mark.usefixtures("open_umask")
def test_a_home_of_an_earlier_version_becomes_private_and_nothing_else_does(tmp_path: Path) -> None:
    files = ("state/spool/batch_000001/people.parquet", "dbt/logs/dbt.log", "run.lock", "dashboard.html")
    for home in (tmp_path / "own", tmp_path / "shared"):
        for name in files:
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).touch()
    strange = tmp_path / "shared" / "of somebody else.txt"
    strange.touch()
    (tmp_path / "own" / "services").symlink_to(tmp_path / "shared")
    for home in (tmp_path / "own", tmp_path / "shared"):
        keep_private(home)
        for name in files:
            assert (home / name).stat().st_mode & 0o777 == 0o600
            folder = (home / name).parent
            assert folder == home or folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o777
    assert strange.stat().st_mode & 0o777 == 0o666
    (tmp_path / "new").touch()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_programs_that_the_server_user_cannot_reach_are_copied(
    closed_parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = programs.server_user()
    assert user is not None
    package = programs.INSTALLED.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        subprocess.run(["cp", "-r", str(folder), str(closed_parent)], check=True)
    monkeypatch.setattr(programs, "INSTALLED", closed_parent / package.name / programs.INSTALLED.name)
    monkeypatch.setattr(programs, "version", lambda _: f"test-{os.getpid()}")
    programs.server_programs.cache_clear()
    try:
        found = programs.server_programs()
        assert found.is_relative_to(user.pw_dir)
        assert programs._can_run(found)
        initdb = subprocess.run([found / "initdb", "--version"], capture_output=True, check=True)
        assert b"PostgreSQL" in initdb.stdout
        assert closed_parent.stat().st_mode & 0o777 == 0o700
    finally:
        programs.server_programs.cache_clear()
        subprocess.run(
            ["rm", "-rf", f"{user.pw_dir}/.cache/postgresql-test-{os.getpid()}-with-libraries"], check=True
        )


def test_a_folder_name_that_the_databases_do_not_support_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"read the text after a `\?` in a path as options"):
        keep_private(tmp_path / "what?x=1")


def test_files_created_by_commands_are_private(tmp_path: Path) -> None:
    """Run `wwi` with an open umask."""
    home = tmp_path / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", "from cli.process import main; main()", "warehouse", "down"],
        env={**os.environ, "WWI_HOME": str(home)}, umask=0, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.proof
def test_files_created_by_the_prefect_server_are_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    start = "from flows.prefect_api import start_prefect_api; from config.settings import Settings; "
    done = subprocess.run(
        [sys.executable, "-c", f"{start} start_prefect_api(Settings())()"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("WWI_", "PREFECT_"))}
        | {"WWI_HOME": str(home)},
        umask=0, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (home / "prefect" / "prefect.db").exists()
    assert open_to_others(home) == []

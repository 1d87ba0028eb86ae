"""Take one person's values out of everything: raw, vault, marts, rejected values and the spool.

Keys and figures stay. The source comes first: what it still held, the next full read would bring back, so an
erasure is refused until the newest delivered rows are free of the values (docs/adr/0010). Then every older
row of raw is given what the source says now, null or `[erased]`, and vault and marts are made again of it as
a rebuild makes them; so a rebuild gives the same, and the next delivery is no change.
"""

import getpass
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.cloud.bigquery import Client

from audit.verify import verify
from config.errors import PermanentError
from config.home_lock import run_lock
from config.settings import Settings
from ingestion import staged_files
from ingestion.batch_ledger import read_state
from ingestion.extract.rejected_values import TABLE as REJECTED
from metadata import naming
from metadata.spec import Catalog, Table
from operations import personal_values
from operations.erasure_rebuild import rebuild_affected
from operations.erasure_task import Task, sign_record, updates
from operations.personal_values import Held, Searched
from operations.rebuild import loaded_batches
from transform.dbt_invocation import VAULT_DIR
from warehouse.client import connect
from warehouse.lease import hold, interrupter
from warehouse.ledger import erasures, rebuilds
from warehouse.ledger.erasures import ERASED
from warehouse.ledger.tables import layout
from warehouse.ledger.test_failures import TABLE as FAILURES
from warehouse.queries import execute
from warehouse.tables import ensure_table

logger = logging.getLogger(__name__)


# what the local services keep in WWI_HOME
SERVICES = ("source", "warehouse", "services")


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure would do or did. `done`: False for a dry run, and for one that `at_source` forbids.

    `held`: where raw held the values before. `at_source`: statements for the source, which still holds some.
    `searched`: where they were looked for; `left`: what was found there, in tables and files. `files`: how
    many files of this machine were read.
    """

    entity: str
    key: int
    done: bool
    held: tuple[Held, ...]
    at_source: tuple[str, ...]
    searched: Searched
    files: int
    left: tuple[str, ...]
    models: tuple[str, ...] = ()
    erasure_id: int | None = None


def erase(  # noqa: PLR0913 - a person, and who wants what
    settings: Settings,
    catalog: Catalog,
    key: int,
    *,
    yes: bool = False,
    reason: str = "",
    by: str | None = None,
    vault_dir: Path = VAULT_DIR,
) -> ErasureReport:
    """Erase the person with this key; without `yes` only look what that would change.

    Raises WwiError when raw never knew the person, PermanentError when a batch waits to be built, when raw is
    not as it was loaded, or when the source still holds the values.
    """
    client = connect(settings, "erase")
    with run_lock(settings.home), hold(client, settings, "erase", on_lost=interrupter()) as lease:
        rebuilds.fail_on_open_swap(client, settings)
        for name in (*erasures.TABLES, REJECTED, FAILURES, personal_values.VALUES):
            ensure_table(client, layout(settings, name))
        table = personal_values.person_table(catalog)
        with personal_values.values_of(client, settings, table, key) as values:
            held = personal_values.held(client, settings, catalog, key, values.count)
            at_source = tuple(_at_source(catalog, table, key, held))
            if yes and at_source:
                raise PermanentError(_refusal(at_source))
            task = Task(client, settings, catalog, key, held, values.count)
            begun = [each for each in erasures.read(client, settings) if each.entity_key == str(key)]
            if not yes or not (held or begun):
                found = _looked_for(task)
                return ErasureReport("person", key, False, held, at_source, *found)
            loaded_batches(client, settings, may_wait=False)
            _refuse_what_is_not_sound(client, settings, catalog)
            if held:
                begun.append(sign_record(task, reason, by or getpass.getuser()))
                lease.confirm()
                statements = [*updates(task), *erasures.insert_statements(settings, begun[-1])]
                script = ";\n".join(["begin transaction", *statements, "commit transaction"]) + ";"
                values.keep = True
                execute(client, script, timeout_s=settings.load_timeout_s)
            values.keep = True
            staged_files.delete_all(settings)
            models = rebuild_affected(task, begun, vault_dir)
            searched, files, left = _looked_for(task)
            left += tuple(
                f"raw.{each.table}.{each.column}: {each.rows} rows"
                for each in personal_values.held(client, settings, catalog, key, values.count)
            )
            values.keep = False
            return ErasureReport(
                "person", key, True, held, (), searched, files, left, models, begun[-1].erasure_id
            )


def _at_source(catalog: Catalog, own: Table, key: int, held: Sequence[Held]) -> list[str]:
    """What to run at the source, for it still has the values: other tables first, by keys alone."""
    found = []
    for each in held:
        if each.newest and not each.is_own:
            table = catalog.table(each.table)
            key_column, column = map(naming.quoted_in_source, (table.primary_key[0], each.column))
            listed = ", ".join(map(str, each.newest))
            found.append(
                f"update {table.in_source} set {column} = '{ERASED}' where {key_column} in ({listed});"
            )
    if any(each.newest and each.is_own for each in held):
        values = ", ".join(
            f"{naming.quoted_in_source(column.name)} = {'null' if column.nullable else repr(ERASED)}"
            for column in own.columns
            if column.sensitivity != "none"
        )
        key_column = naming.quoted_in_source(own.primary_key[0])
        found.append(f"update {own.in_source} set {values} where {key_column} = {key};")
    return found


def _refusal(at_source: Sequence[str]) -> str:
    return "\n".join([
        "the source still holds the values, so the next full read would bring them back. Erase them there:",
        *(f"  {statement}" for statement in at_source),
        "then run `wwi run`, which delivers the rows without them, and erase again.",
    ])  # fmt: skip


def _refuse_what_is_not_sound(client: Client, settings: Settings, catalog: Catalog) -> None:
    """An erasure signs what raw holds: it must not sign what somebody else has changed."""
    if read_state(client, settings).unfinished:
        raise PermanentError("a batch is under way or was left by a killed run. `wwi run` clears it up.")
    found = verify(settings, catalog).findings
    if found:
        raise PermanentError(
            f"raw or the ledger is not as it was loaded ({len(found)} findings), and an erasure would sign "
            "that. Look at `wwi audit verify` first."
        )


def _looked_for(task: Task) -> tuple[Searched, int, tuple[str, ...]]:
    """Look for the values everywhere: what was searched, how many files, and where one was found."""
    searched = personal_values.search(task.client, task.settings, task.values)
    files, in_files = _files(task.client, task.settings)
    return searched, files, (*(f"{place}: {rows} rows" for place, rows in searched.found.items()), *in_files)


def _files(client: Client, settings: Settings) -> tuple[int, tuple[str, ...]]:
    """Read the files that this platform leaves in WWI_HOME: state, dbt's and Prefect's, logs, the dashboard.

    Not those of the local services: what is in the source's and the emulator's own files is theirs.
    """
    values = [
        form.encode()
        for value in personal_values.read_values(client, settings)
        for form in {value, json.dumps(value)[1:-1]}  # as text, and as JSON writes it
    ]
    paths = [
        path
        for path in sorted(settings.home.rglob("*"))
        if path.is_file() and path.relative_to(settings.home).parts[0] not in SERVICES
    ]
    found = []
    for path in paths:
        content = path.read_bytes()
        if any(value in content for value in values):
            found.append(str(path.relative_to(settings.home)))
    return len(paths), tuple(found)

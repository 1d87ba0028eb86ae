"""Erase a person's values from raw, vault, marts, rejected values and staged files. Keys and figures stay.

The source comes first: the next full read would load its values again, so the erasure fails until the newest
rows in raw no longer contain them (docs/adr/0010). Then all older rows in raw get the value that the source
has now, null or `[erased]`, and vault and marts are recreated from raw as in a rebuild. So a later rebuild is
equal, and the next batch is no change.
"""

import getpass
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.cloud.bigquery import Client

from audit.verification.verify import verify
from config.errors import PermanentError
from config.home_lock import run_lock
from config.settings import Settings
from ingestion import staged_files
from ingestion.batch_ledger import read_state
from ingestion.extract.rejected_values import TABLE as REJECTED
from metadata import naming
from metadata.spec import Catalog, Table
from operations.erasure import personal_values
from operations.erasure.personal_values import Occurrence
from operations.erasure.rebuild import rebuild_affected
from operations.erasure.search import SearchResult, search
from operations.erasure.task import Task, sign_record, updates
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


# folders of the local services in WWI_HOME
SERVICES = ("source", "warehouse", "services")


@dataclass(frozen=True)
class ErasureReport:
    """What an erasure would do or did. `done`: False for a dry run, or if nothing had to be erased.

    `occurrences`: where raw contained the values before. `at_source`: statements for the source, if it still
    contains values. `searched`: the tables searched; `left`: occurrences found there and in files. `files`:
    number of files searched on this machine.
    """

    entity: str
    key: int
    done: bool
    occurrences: tuple[Occurrence, ...]
    at_source: tuple[str, ...]
    searched: SearchResult
    files: int
    left: tuple[str, ...]
    models: tuple[str, ...] = ()
    erasure_id: int | None = None


def erase(  # noqa: PLR0913 - a person, and the record of the erasure
    settings: Settings,
    catalog: Catalog,
    key: int,
    *,
    yes: bool = False,
    reason: str = "",
    by: str | None = None,
    vault_dir: Path = VAULT_DIR,
) -> ErasureReport:
    """Erase the values of the person with this key; without `yes` only report what would change.

    Raises WwiError if raw has no such person, PermanentError if a batch is pending, if raw was altered since
    the load, or if the source still contains the values.
    """
    client = connect(settings, "erase")
    with run_lock(settings.home), hold(client, settings, "erase", on_lost=interrupter()) as lease:
        rebuilds.fail_on_open_swap(client, settings)
        for name in (*erasures.TABLES, REJECTED, FAILURES, personal_values.VALUES):
            ensure_table(client, layout(settings, name))
        table = personal_values.person_table(catalog)
        with personal_values.collected_values(client, settings, table, key) as values:
            occurrences = personal_values.find_in_raw(client, settings, catalog, key, values.count)
            at_source = tuple(_at_source(catalog, table, key, occurrences))
            if yes and at_source:
                raise PermanentError(_source_first(at_source))
            task = Task(client, settings, catalog, key, occurrences, values.count)
            begun = [each for each in erasures.read(client, settings) if each.entity_key == str(key)]
            if not yes or not (occurrences or begun):
                found = _search(task)
                return ErasureReport("person", key, False, occurrences, at_source, *found)
            loaded_batches(client, settings, allow_pending=False)
            _check_unaltered(client, settings, catalog)
            if occurrences:
                begun.append(sign_record(task, reason, by or getpass.getuser()))
                lease.confirm()
                statements = [*updates(task), *erasures.insert_statements(settings, begun[-1])]
                script = ";\n".join(["begin transaction", *statements, "commit transaction"]) + ";"
                values.keep = True
                execute(client, script, timeout_s=settings.load_timeout_s)
            values.keep = True
            staged_files.delete_all(settings)
            models = rebuild_affected(task, begun, vault_dir)
            searched, files, left = _search(task)
            left += tuple(
                f"raw.{each.table}.{each.column}: {each.rows} rows"
                for each in personal_values.find_in_raw(client, settings, catalog, key, values.count)
            )
            values.keep = False
            return ErasureReport(
                "person", key, True, occurrences, (), searched, files, left, models, begun[-1].erasure_id
            )


def _at_source(catalog: Catalog, own: Table, key: int, occurrences: Sequence[Occurrence]) -> list[str]:
    """Return the statements to run at the source if it still contains values: other tables first, by key."""
    found = []
    for each in occurrences:
        if each.newest and not each.is_own:
            table = catalog.table(each.table)
            key_column, column = map(naming.quoted_in_source, (table.primary_key[0], each.column))
            listed = ", ".join(map(str, each.newest))
            found.append(
                f"update {table.in_source} set {column} = '{ERASED}' where {key_column} in ({listed});"
            )
    if any(each.newest and each.is_own for each in occurrences):
        values = ", ".join(
            f"{naming.quoted_in_source(column.name)} = {'null' if column.nullable else repr(ERASED)}"
            for column in own.columns
            if column.sensitivity != "none"
        )
        key_column = naming.quoted_in_source(own.primary_key[0])
        found.append(f"update {own.in_source} set {values} where {key_column} = {key};")
    return found


def _source_first(at_source: Sequence[str]) -> str:
    return "\n".join([
        "the source still contains the values, and the next full read would load them again. Erase them "
        "in the source first:",
        *(f"  {statement}" for statement in at_source),
        "Then run `wwi run` to load the changed rows, and run the erasure again.",
    ])  # fmt: skip


def _check_unaltered(client: Client, settings: Settings, catalog: Catalog) -> None:
    """Raise PermanentError if raw was altered: an erasure signs the rows, so they must be verified first."""
    if read_state(client, settings).unfinished:
        raise PermanentError(
            "cannot erase: a batch is unfinished (running, or left by a killed run). Run `wwi run` first."
        )
    found = verify(settings, catalog).findings
    if found:
        raise PermanentError(
            f"cannot erase: raw or the ledger was altered since the load ({len(found)} findings), and an "
            "erasure would sign these changes. Run `wwi audit verify` to see them."
        )


def _search(task: Task) -> tuple[SearchResult, int, tuple[str, ...]]:
    """Search tables and files for the values; return the tables searched, the file count, and the matches."""
    searched = search(task.client, task.settings, task.values)
    files, in_files = _files(task.client, task.settings)
    return searched, files, (*(f"{place}: {rows} rows" for place, rows in searched.found.items()), *in_files)


def _files(client: Client, settings: Settings) -> tuple[int, tuple[str, ...]]:
    """Search the files in WWI_HOME (state, dbt, Prefect, logs, dashboard); return their number and matches.

    The files of the local services (source, emulator) are left out.
    """
    values = [
        form.encode()
        for value in personal_values.read_values(client, settings)
        for form in {value, json.dumps(value)[1:-1]}  # as plain text and as escaped JSON
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

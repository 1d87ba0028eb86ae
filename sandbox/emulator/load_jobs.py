"""Correct bqemulator's load jobs: any file path, decimals that fit, and the number of loaded rows.

DuckDB, its engine, reads `*`, `?` and `[` in a path as a pattern and `name=value` as a partition column, and
bqemulator rejects quotes. A file with such a path is read through a link in the working folder. DuckDB would
round wide decimals, and bqemulator reports the rows of the table instead of those of the files.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from bqemulator.api.routes import jobs, upload
from bqemulator.domain.errors import ValidationError
from bqemulator.jobs import executor

from sandbox.emulator.exact_expressions import MAX_DIGITS
from sandbox.emulator.exact_macros import BIGNUMERIC_SCALE

PLAIN = re.compile(r"[\w./+-]*", re.ASCII)
LINKS = Path("loads")

_execute_load = executor.execute_load_job


def correct_load_jobs() -> None:
    """Patch the emulator in this process, see the module docstring."""
    jobs.execute_load_job = upload.execute_load_job = _load_and_count_rows  # type: ignore[attr-defined]


async def _load_and_count_rows(project_id: str, job_id: str, config: dict[str, Any], ctx: Any) -> Any:
    load = config["load"]
    is_parquet = load.get("sourceFormat") == "PARQUET"
    with _plain_paths([executor._resolve_uri(uri, ctx) for uri in load["sourceUris"]]) as paths:
        for path in paths if is_parquet else ():
            _refuse_wide_decimals(path)
        own = {**config, "load": {**load, "sourceUris": paths}}
        job = await _execute_load(project_id, job_id, own, ctx)
        result: dict[str, Any] = {"configuration": config}
        if is_parquet:
            rows = sum(pq.read_metadata(path).num_rows for path in paths)
            result["statistics"] = {"load": {"outputRows": str(rows)}}
    return job.model_copy(update=result)


def _refuse_wide_decimals(path: str) -> None:
    for field in pq.read_schema(path):
        scale, precision = getattr(field.type, "scale", 0), getattr(field.type, "precision", 0)
        if scale > BIGNUMERIC_SCALE - 1 or precision > MAX_DIGITS:
            raise ValidationError(
                f"column {field.name} of the Parquet file is decimal({precision}, {scale}). The local "
                f"warehouse can hold {MAX_DIGITS} digits, {BIGNUMERIC_SCALE - 1} of them after the decimal "
                "point. Load the column as text."
            )


@contextmanager
def _plain_paths(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield a path with plain characters for each file; it is valid while the block runs."""
    links: list[Path] = []
    try:
        yield [path if PLAIN.fullmatch(path) else _link(path, links) for path in paths]
    finally:
        for link in links:
            link.unlink(missing_ok=True)


def _link(path: str, links: list[Path]) -> str:
    LINKS.mkdir(exist_ok=True)
    link = LINKS / uuid.uuid4().hex  # never reused: the engine may cache a file by name
    link.symlink_to(Path(path).absolute())
    links.append(link)
    return str(link)

"""The plan of a load: the pending batches, and the key ranges that they touch. dbt gets it as one value."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from transform.loading.key_ranges import NOTHING, KeyRanges, condition, ranges_of
from transform.loading.vault_models import RAW_VAULT, VaultModel, depending_on
from warehouse.queries import timestamp_literal

MAX_LENGTH = 100_000  # of the environment variable; Linux allows 131,072 bytes
MAX_RANGES = (100, 10, 1)  # of a condition; it covers more ranges until the plan is short enough


@dataclass(frozen=True)
class Batch:
    """A completed batch. `tables`: the raw tables with rows in it; None if that is not recorded."""

    batch_id: int
    load_dts: datetime
    tables: frozenset[str] | None


@dataclass(frozen=True)
class LoadPlan:
    """What a build loads.

    `batches`: the pending ones, in the order of their load times.
    `is_complete`: the build selects every model that they affect, so they can be marked as loaded after it.
    `touched`: {model: {raw column: condition on the number in the model}}; `true` for a model with a stage
    that the build does not select, since that stage still has the rows of an earlier load.
    """

    batches: tuple[Batch, ...] = ()
    is_complete: bool = False
    touched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what dbt gets: the load times as SQL literals, and the conditions."""
        return {
            "load_times": [timestamp_literal(each.load_dts) for each in self.batches],
            "touched": self.touched,
        }

    def as_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self.as_dict())


def make_plan(
    models: Sequence[VaultModel],
    batches: Sequence[Batch],
    selected: Collection[str],
    key_ranges: KeyRanges | None,
) -> LoadPlan:
    """Return the plan of a build that selects these models (ids). `key_ranges` None: read everything."""
    built = frozenset(selected)
    is_complete = bool(models) and loaded_batches(models, batches, built) == tuple(batches)
    for limit in MAX_RANGES:
        touched = _touched(models, built, key_ranges, limit, is_complete)
        plan = LoadPlan(tuple(batches), is_complete, touched)
        if len(plan.as_json()) <= MAX_LENGTH:
            break
    return plan


def loaded_batches(
    models: Sequence[VaultModel], batches: Iterable[Batch], built: Collection[str]
) -> tuple[Batch, ...]:
    """Return the batches of which every affected model is among `built` (ids)."""
    return tuple(each for each in batches if depending_on(models, each.tables) <= frozenset(built))


def _touched(
    models: Iterable[VaultModel],
    built: frozenset[str],
    key_ranges: KeyRanges | None,
    limit: int,
    is_complete: bool,
) -> dict[str, dict[str, str]]:
    found = {}
    for model in models:
        if not model.keeps_rows:
            continue
        # the rows of points in time and bridges never change, so they are added when all inputs are loaded
        adds_rows = model.layer == RAW_VAULT or is_complete
        # another stage has rows outside the touched ranges
        own_ranges = key_ranges if model.stages <= built else None
        found[model.name] = {
            column: condition(number, ranges_of(model, column, own_ranges), limit) if adds_rows else NOTHING
            for column, number in model.numbers.items()
        }
    return found

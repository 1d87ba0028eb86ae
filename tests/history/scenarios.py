"""Read the table of scenarios: states delivered per load of one key, and the expected vault."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "scenarios.yml"
DELETED = "deleted"
LOADS = (1, 2, 3, 4, 5, 6, 7)
AGAIN = "7 again"
ARRIVALS = ((1,), (2, 3, 4), (6,), (5,), (7,))
LOADED, REPLAYED, AT_ONCE = "loaded", "replayed", "at once"
DEFAULT_NOTE = "note"

State = dict[str, Any]  # column -> value, or {"group": {line: text}}
Delivered = State | None  # None: deleted

SATELLITE, LINK, GROUP = "hub and satellite", "link and effectivity", "multi-active"
REFERENCE, STATUS, EVENT = "reference", "status", "event"
STRUCTURES = (SATELLITE, LINK, GROUP, REFERENCE, STATUS, EVENT)


@dataclass(frozen=True)
class Scenario:
    """One row of the table; keys of `loads` are numbers and `7 again`."""

    name: str
    key: tuple[str | None, str | None]
    loads: Mapping[int | str, Delivered]
    versions: int | None
    duplicate: Delivered
    stage: str
    is_excluded: bool

    def expected(self, load: int, stage: str = AT_ONCE) -> Delivered | str:
        """Return the expected state as of a load: the latest delivered, `nothing` before the first.

        At the stage LOADED, `7 again` is not delivered yet.
        """
        known = [each for each in self.loads if each != AGAIN or stage != LOADED]
        until = {_number(each): self.loads[each] for each in known if _number(each) <= load}
        return until[max(until)] if until else "nothing"

    @property
    def structures(self) -> tuple[str, ...]:
        """Structures that can store these states."""
        states = [state for state in self.loads.values() if state is not None]
        if any("group" in state for state in states):
            return (GROUP, STATUS)
        if any(state.keys() - {"name", "note"} for state in states):
            return (SATELLITE, STATUS)
        return STRUCTURES


def _number(load: int | str) -> int:
    return int(str(load).split(maxsplit=1)[0])


def read() -> list[Scenario]:
    """Return all rows of the table. Raises ValueError for a duplicate name or key."""
    scenarios = [_scenario(row) for row in yaml.safe_load(FILE.read_text(encoding="utf-8"))]
    for what in ([each.name for each in scenarios], [each.key for each in scenarios]):
        doubled = {each for each in what if what.count(each) > 1}
        if doubled:
            raise ValueError(f"{FILE.name}: two scenarios share {sorted(map(str, doubled))}.")
    return scenarios


def _scenario(row: Mapping[str, Any]) -> Scenario:
    unknown = row.keys() - {"scenario", "key", "loads", "versions", "duplicate", "stage", "expect"}
    if unknown:
        raise ValueError(f"{FILE.name}: {row.get('scenario')}: unknown {sorted(unknown)}.")
    known = {*LOADS, AGAIN}
    if not row["loads"].keys() <= known:
        raise ValueError(f"{FILE.name}: {row['scenario']}: loads are {sorted(map(str, known))}.")
    region, code = row.get("key", ("scenario", row["scenario"]))
    return Scenario(
        name=row["scenario"],
        key=(region, code),
        loads={load: _state(spelled) for load, spelled in row["loads"].items()},
        versions=row.get("versions"),
        duplicate=_state(row["duplicate"]) if "duplicate" in row else None,
        stage=row.get("stage", LOADED),
        is_excluded=row.get("expect") == "not in the vault",
    )


def _state(spelled: Any) -> Delivered:
    match spelled:
        case "deleted":
            return None
        case {"group": dict(members)}:
            return {"group": members}
        case dict():
            return {"name": "A", "note": DEFAULT_NOTE, **spelled}
        case [name, note]:
            return {"name": name, "note": note}
        case _:
            return {"name": spelled, "note": DEFAULT_NOTE}

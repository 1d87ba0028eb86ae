"""Format the results of the scenarios as tables."""

from collections.abc import Iterable, Iterator

from . import scenarios as s

OURS, PLAIN = "ours", "plain"
Outcome = tuple[str, str, str, list[str]]  # variant, scenario, structure, losses
Outcomes = dict[str, dict[str, dict[str, list[str]]]]


def collect(found: Iterable[Outcome]) -> Outcomes:
    """Return {variant: {scenario: {structure: losses}}} in the order of the scenarios."""
    outcomes: Outcomes = {}
    for variant, scenario, structure, lost in found:
        outcomes.setdefault(variant, {}).setdefault(scenario, {})[structure] = lost
    order = {scenario.name: place for place, scenario in enumerate(s.read())}
    return {
        variant: dict(sorted(rows.items(), key=lambda row: order[row[0]]))
        for variant, rows in outcomes.items()
    }


def lines(outcomes: Outcomes) -> Iterator[str]:
    """Yield the terminal table: all rows of our vault, and sums and losses of each variant."""
    width = max(len(name) for rows in outcomes.values() for name in rows)
    for variant, rows in sorted(outcomes.items()):
        yield f"{variant:<{width}}  " + "  ".join(s.STRUCTURES)
        for name, structures in rows.items():
            cells = (_cell(structures.get(each)).center(len(each)) for each in s.STRUCTURES)
            yield f"{name:<{width}}  " + "  ".join(cells)
        yield _sum(rows)
        for name, structures in rows.items():
            yield from (f"  {name} | {each}: {lost[0]}" for each, lost in structures.items() if lost)


def page(outcomes: Outcomes) -> str:
    """Return the docs page with the results of both variants."""
    ours, plain = outcomes[OURS], outcomes[PLAIN]
    heading = "| scenario | " + " | ".join(s.STRUCTURES) + " |\n|" + " --- |" * (len(s.STRUCTURES) + 1)
    return "\n".join([PAGE_START.format(ours=_sum(ours), plain=_sum(plain)), heading, *_rows(ours),
                      PAGE_PLAIN, heading, *_rows(plain), PAGE_LOST, *_lost(plain), ""])  # fmt: skip


def _rows(rows: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    for name, structures in rows.items():
        cells = " | ".join(_cell(structures.get(each), mark="**lost**") for each in s.STRUCTURES)
        yield f"| {_escaped(name)} | {cells} |"


def _lost(rows: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    for name, structures in rows.items():
        for each, lost in structures.items():
            if lost:
                yield f"| {_escaped(name)} | {each} | {_escaped(lost[0])} |"


def _cell(lost: list[str] | None, mark: str = "LOST") -> str:
    """Return the cell; empty if the scenario does not apply."""
    return "" if lost is None else mark if lost else "ok"


def _sum(rows: dict[str, dict[str, list[str]]]) -> str:
    cells = [lost for structures in rows.values() for lost in structures.values()]
    whole = sum(not any(structures.values()) for structures in rows.values())
    kept = sum(not lost for lost in cells)
    return (
        f"{whole} of {len(rows)} scenarios complete; {kept} of {len(cells)} pairs of scenario and structure"
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "\\n")


PAGE_START = """<!-- Written by `make history`; change tests/history instead. -->
# History suite

Each row is a scenario: the states that some loads deliver for one key. The loads pass through the
generated staging and vault models. Loads 2 to 4 are loaded at once, load 5 is late, old loads are
repeated, and finally a new vault loads the whole history at once. The suite then compares the vault
as of every load with the states delivered until then. Scenarios are rows of
[scenarios.yml](../tests/history/scenarios.yml). An empty cell: the scenario does not apply to the
structure.

| vault | kept |
| --- | --- |
| this project | {ours} |
| AutomateDV 0.11, default settings | {plain} |

## This project

Checked at three stages: after the loads, after the repetitions, and in a vault that loaded everything
at once. A late load rewinds the vault and is loaded in its place
([ADR 0008](adr/0008-a-late-batch-rewinds-the-vault.md)). The members of a group are rows with their
own keys ([ADR 0007](adr/0007-what-becomes-a-hub-an-event-or-an-aspect.md)), so a member that leaves
the group is a delete.

Rows with a duplicate or incomplete key do not reach the vault: ingestion refuses the batch and names
the table and the key. If such rows are in raw nevertheless, a row with an incomplete key is in no
hub, and a duplicate key fails the test `integrity` of its hub.
"""
PAGE_PLAIN = """
## AutomateDV with default settings

The same rows, loaded with the package's own structures and default settings: `hub`, `link`, `sat`,
`nh_link`, `eff_sat` with automatic end dating, and `ma_sat` with complete groups. Each scenario is
checked at one stage. Some losses can be avoided outside of the package: one load at a time, in order,
never repeated. A setting can prevent others but causes new ones: with `apply_source_filter` a repeated
load adds nothing, but late rows are left out. Events are non-historized links, which keep their first
state by design; they are not meant for corrections.
"""
PAGE_LOST = """
The first loss of each scenario and structure:

| scenario | structure | found in the vault |
| --- | --- | --- |"""

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
    return f"{whole} of {len(rows)} scenarios whole; {kept} of {len(cells)} pairs of scenario and structure"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "\\n")


PAGE_START = """<!-- Written by `make history`; change tests/history instead. -->
# What a vault must survive

Each row is a scenario: what a few loads delivered of one key. The loads go through the generated
staging and vault models; loads 2 to 4 come at once; load 5 comes late, after load 6; old loads are
loaded again; and last the whole history is loaded at once. The judge then asks the vault, as of every
load, and compares with what was delivered until then. A scenario is one line of
[scenarios.yml](../tests/history/scenarios.yml); adding one is adding a line. Empty: the scenario
says nothing about the structure.

| vault | kept |
| --- | --- |
| this project | {ours} |
| AutomateDV 0.11 as it comes | {plain} |

## This project

Judged at three moments: after the loads, after the repetitions, and in a vault that took everything
at once. A late load takes the vault back and is loaded in its place
([ADR 0008](adr/0008-a-late-batch-rewinds-the-vault.md)). The members of a group are rows with keys
of their own ([ADR 0007](adr/0007-what-becomes-a-hub-an-event-or-an-aspect.md)), so that a group that
shrinks is a delete.

A second row with a key that is taken, or one whose key lacks a part, does not come this far:
ingestion refuses the batch and names table and key, and the source keeps its rows. A row without a
whole key that is in raw all the same stays there, and in no hub; a second row of one key fails the
test `integrity` of its hub.
"""
PAGE_PLAIN = """
## AutomateDV as it comes

The same deliveries through the package's own structures with its default settings: `hub`, `link`,
`sat`, `nh_link`, `eff_sat` with automatic end dating, and `ma_sat`, which gets whole groups. Each
scenario is judged once, at the moment it is about. Some losses have a way around outside of the
package: one load at a time, in order, never again. For others a setting trades one for another:
with `apply_source_filter` a replay adds nothing, and late rows are left out. An event is a
non-historized link there, which by design keeps its first state: corrections of events are not meant for it.
"""
PAGE_LOST = """
What was lost, the first finding of each:

| scenario | structure | the vault says |
| --- | --- | --- |"""

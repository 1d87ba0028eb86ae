"""A mart as it was known at a moment, from the raw vault: the mart's own model, compiled by dbt, over less.

Nothing here knows a rule of any mart. The compiled SQL of the mart and of the models that it is made from is
put together into one statement, word for word but for lines of comment. Only the tables that these read are
exchanged: another model for its own SQL, a table of the raw vault (and the ledger of the batches) for the
rows that were loaded until then. docs/adr/0009-as-of-is-the-mart-over-an-earlier-vault.md has the reasons.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.errors import PermanentError
from config.settings import Settings
from metadata import naming
from metadata.errors import did_you_mean

RELATION = re.compile(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`")
COMMENT_LINE = re.compile(r"^[ \t]*--.*\n", re.MULTILINE)
ALL = ("*",)


@dataclass(frozen=True)
class Model:
    """A model of business vault or marts as dbt compiled it. `relation`: the table or view that it makes."""

    name: str
    layer: str
    relation: str
    sql: str


Models = Mapping[str, Model]


def marts(models: Models) -> tuple[str, ...]:
    """The names of the marts, in order."""
    return tuple(sorted(name for name, model in models.items() if model.layer == "marts"))


def check_mart(models: Models, name: str) -> None:
    """Raise PermanentError naming the marts that there are unless `name` is one."""
    known = marts(models)
    if name not in known:
        nearest = did_you_mean(name, known)
        listed = "" if nearest.startswith("Known") else f" Known here: {', '.join(known)}."
        raise PermanentError(f"there is no mart '{name}'. {nearest}{listed}")


def needed(models: Models, mart: str) -> tuple[Model, ...]:
    """The mart and all models that it is made from, each after those that it reads."""
    ordered: dict[str, Model] = {}

    def visit(model: Model) -> None:
        if model.name not in ordered:
            for relation in reads(model):
                if relation in by_relation and relation != model.relation:
                    visit(by_relation[relation])
            ordered[model.name] = model

    by_relation = {model.relation: model for model in models.values()}
    visit(models[mart])
    return tuple(ordered.values())


def reads(model: Model) -> tuple[str, ...]:
    """The relations that a model reads, in order of their names."""
    return tuple(sorted({found[0] for found in RELATION.finditer(model.sql)}))


def ctes(settings: Settings, models: Models, mart: str, until: str, prefix: str = "known_") -> Iterator[str]:
    """The mart and its ancestors as common table expressions, `<prefix><model>`, as of `until` (SQL).

    Raises PermanentError for a model that reads something whose past is not kept.
    """
    names = {model.relation: f"{prefix}{model.name}" for model in models.values()}
    kept = {settings.dataset("raw_vault")}
    ledger = f"`{settings.project}`.`{settings.dataset('audit')}`.`batches`"
    for model in needed(models, mart):

        def then(found: re.Match[str], model: Model = model) -> str:
            relation, (_, dataset, _) = found[0], found.groups()
            if relation == model.relation:
                raise PermanentError(
                    f"{mart} cannot be asked as of a time: {model.name} reads itself, so its SQL is what a "
                    "load adds to it. Let it be compiled as for a full refresh."
                )
            if relation in names:
                return names[relation]
            if dataset in kept or relation == ledger:
                return f"(select * from {relation} where {naming.LOAD_DTS} <= {until})"
            raise PermanentError(
                f"{mart} cannot be asked as of a time: {model.name} reads {relation}, whose past is not "
                "kept. Let it read the raw vault."
            )

        sql = COMMENT_LINE.sub("", model.sql).strip()
        yield f"{prefix}{model.name} as (\n{RELATION.sub(then, sql)}\n)"


def as_of(  # noqa: PLR0913 - what, as of when, and how much of it
    settings: Settings,
    models: Models,
    mart: str,
    until: str,
    *,
    columns: Sequence[str] = ALL,
    where: str | None = None,
    order_by: Collection[str] = (),
    limit: int | None = None,
) -> str:
    """Return the SELECT of the mart as it was known at `until`, a TIMESTAMP in SQL.

    `where`: SQL over the mart's columns. Raises PermanentError as `check_mart` and `ctes`.
    """
    check_mart(models, mart)
    parts = [
        "with " + ",\n\n".join(ctes(settings, models, mart, until)),
        f"\nselect {', '.join(map(naming.quoted, columns))}\nfrom known_{mart}",
    ]
    if where:
        parts.append(f"where (\n{where}\n)")
    if order_by:
        parts.append(f"order by {', '.join(map(naming.quoted, order_by))}")
    if limit is not None:
        parts.append(f"limit {limit:d}")
    return "\n".join(parts)

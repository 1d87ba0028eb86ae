"""Build the as-of query of a mart: the mart's own compiled SQL over an earlier raw vault.

The query contains no rule of its own. It combines the compiled SQL of the mart and of its upstream models in
one statement, unchanged except for removed comment lines and the tables that they read: a model is replaced
by its own SQL, and a table of the raw vault (or the ledger's `batches`) by its rows up to that load time.
See docs/adr/0009-as-of-is-the-mart-over-an-earlier-vault.md.
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
    """A model of business vault or marts, compiled by dbt. `relation`: the table or view that it builds."""

    name: str
    layer: str
    relation: str
    sql: str


Models = Mapping[str, Model]


def marts(models: Models) -> tuple[str, ...]:
    """Return the names of the marts, sorted."""
    return tuple(sorted(name for name, model in models.items() if model.layer == "marts"))


def check_mart(models: Models, name: str) -> None:
    """Raise PermanentError, with the known marts, unless `name` is a mart."""
    known = marts(models)
    if name not in known:
        nearest = did_you_mean(name, known)
        listed = "" if nearest.startswith("Known") else f" Known here: {', '.join(known)}."
        raise PermanentError(f"there is no mart '{name}'. {nearest}{listed}")


def needed(models: Models, mart: str) -> tuple[Model, ...]:
    """Return the mart and all its upstream models, each after those that it reads."""
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
    """Return the relations that a model reads, sorted."""
    return tuple(sorted({found[0] for found in RELATION.finditer(model.sql)}))


def ctes(settings: Settings, models: Models, mart: str, until: str, prefix: str = "known_") -> Iterator[str]:
    """Yield the mart and its upstream models as CTEs named `<prefix><model>`, as of `until` (SQL).

    Raises PermanentError for a model that reads a table without history.
    """
    names = {model.relation: f"{prefix}{model.name}" for model in models.values()}
    kept = {settings.dataset("raw_vault")}
    ledger = f"`{settings.project}`.`{settings.dataset('audit')}`.`batches`"
    for model in needed(models, mart):

        def replacement(found: re.Match[str], model: Model = model) -> str:
            relation, (_, dataset, _) = found[0], found.groups()
            if relation == model.relation:
                raise PermanentError(
                    f"{mart} does not support as-of queries: {model.name} reads itself, so its SQL returns "
                    "only what one load adds. Compile it with --full-refresh."
                )
            if relation in names:
                return names[relation]
            if dataset in kept or relation == ledger:
                return f"(select * from {relation} where {naming.LOAD_DTS} <= {until})"
            raise PermanentError(
                f"{mart} does not support as-of queries: {model.name} reads {relation}, which keeps no "
                "history. Change the model to read the raw vault."
            )

        sql = COMMENT_LINE.sub("", model.sql).strip()
        yield f"{prefix}{model.name} as (\n{RELATION.sub(replacement, sql)}\n)"


def as_of(  # noqa: PLR0913 - a mart, a time, and options of the query
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
    """Return the SELECT of the mart as of `until` (SQL of type TIMESTAMP).

    `where`: SQL over the mart's columns. Raises PermanentError like `check_mart` and `ctes`.
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

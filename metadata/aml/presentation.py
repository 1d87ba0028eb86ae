"""What the marts are called in Holistics: metadata/holistics.yml, read and compared with their contracts."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from metadata.errors import MetadataError, Mistake, did_you_mean
from metadata.load import METADATA_DIR
from metadata.mappings import Names, Sentence, SnakeName, Spec
from metadata.marts import Mart
from metadata.reading import explain, read_yaml

FILE = "holistics.yml"
UNMASKED = "_unmasked"


class ComputedColumn(Spec):
    """A column that Holistics computes: BigQuery SQL that names the columns of the mart in braces."""

    data_type: str
    description: Sentence
    sql: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the SQL names."""
        return tuple(re.findall(r"\{(\w+)\}", self.sql))


class ModelPresentation(Spec):
    """One mart: its label, and what its contract does not tell."""

    label: str
    labels: dict[SnakeName, str] = Field(default_factory=dict)
    only: Names = ()
    numbers: Names = ()
    computed: dict[SnakeName, ComputedColumn] = Field(default_factory=dict)

    @property
    def named(self) -> frozenset[str]:
        """Every column of the mart that is named."""
        used = (name for column in self.computed.values() for name in column.columns)
        return frozenset((*self.labels, *self.only, *self.numbers, *used))


class RolePresentation(Spec):
    """A dimension under another name."""

    of: SnakeName
    label: str


class Presentation(Spec):
    """The whole file."""

    data_source: str
    dataset: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    owner: str
    models: dict[SnakeName, ModelPresentation]
    roles: dict[SnakeName, RolePresentation] = Field(default_factory=dict)


def shown_marts(marts: Sequence[Mart]) -> tuple[Mart, ...]:
    """The marts that Holistics sees: those with unmasked personal values stay out."""
    return tuple(mart for mart in marts if not mart.name.endswith(UNMASKED))


def load_presentation(marts: Sequence[Mart], folder: Path = METADATA_DIR) -> Presentation:
    """Read the file. Raises MetadataError with every mistake: unknown keys, marts and columns."""
    mistakes: list[Mistake] = []
    raw = read_yaml(folder, FILE, mistakes)
    if mistakes or raw is None:
        raise MetadataError(mistakes)
    try:
        found = Presentation.model_validate(raw)
    except ValidationError as error:
        raise MetadataError(explain(error, Presentation, raw, FILE, "")) from error
    mistakes = list(_mistakes(found, {mart.name: mart for mart in shown_marts(marts)}))
    if mistakes:
        raise MetadataError(mistakes)
    return found


def _mistakes(found: Presentation, marts: dict[str, Mart]) -> Iterator[Mistake]:
    for name in marts.keys() - found.models.keys():
        yield Mistake(FILE, "models", f"'{name}' is missing", "Give every mart a label.")
    for name, model in found.models.items():
        if name not in marts:
            yield Mistake(FILE, f"models.{name}", "no such mart", did_you_mean(name, marts))
            continue
        columns = [column.name for column in marts[name].columns]
        for column in sorted(model.named - {*columns, *model.computed}):
            place = f"models.{name}.{column}"
            yield Mistake(FILE, place, f"{name} has no column '{column}'", did_you_mean(column, columns))
    for name, role in found.roles.items():
        if role.of not in marts:
            yield Mistake(FILE, f"roles.{name}.of", f"no mart '{role.of}'", did_you_mean(role.of, marts))
        if name in marts:
            yield Mistake(FILE, f"roles.{name}", "a mart has that name", "Choose another one.")

"""Read metadata/holistics.yml, the labels of marts in Holistics, and check it against the contracts."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from metadata.errors import Issue, MetadataError, did_you_mean
from metadata.load import METADATA_DIR
from metadata.mappings import Names, Sentence, SnakeName, Spec
from metadata.marts import Mart
from metadata.reading import explain, read_yaml

FILE = "holistics.yml"
UNMASKED = "_unmasked"


class ComputedColumn(Spec):
    """A column computed in Holistics: BigQuery SQL with the columns of the mart in braces."""

    data_type: str
    description: Sentence
    sql: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns used in the SQL."""
        return tuple(re.findall(r"\{(\w+)\}", self.sql))


class ModelPresentation(Spec):
    """Presentation of one mart, as far as it does not follow from its contract."""

    label: str
    labels: dict[SnakeName, str] = Field(default_factory=dict)
    only: Names = ()
    numbers: Names = ()
    computed: dict[SnakeName, ComputedColumn] = Field(default_factory=dict)

    @property
    def named(self) -> frozenset[str]:
        """All columns of the mart that the entry refers to."""
        used = (name for column in self.computed.values() for name in column.columns)
        return frozenset((*self.labels, *self.only, *self.numbers, *used))


class RolePresentation(Spec):
    """A dimension under another name."""

    of: SnakeName
    label: str


class Presentation(Spec):
    """Content of metadata/holistics.yml."""

    data_source: str
    dataset: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    owner: str
    models: dict[SnakeName, ModelPresentation]
    roles: dict[SnakeName, RolePresentation] = Field(default_factory=dict)


def shown_marts(marts: Sequence[Mart]) -> tuple[Mart, ...]:
    """Return the marts that Holistics can use: all without unmasked personal data."""
    return tuple(mart for mart in marts if not mart.name.endswith(UNMASKED))


def load_presentation(marts: Sequence[Mart], folder: Path = METADATA_DIR) -> Presentation:
    """Read the file. Raises MetadataError with every issue, such as unknown keys, marts and columns."""
    issues: list[Issue] = []
    raw = read_yaml(folder, FILE, issues)
    if issues or raw is None:
        raise MetadataError(issues)
    try:
        found = Presentation.model_validate(raw)
    except ValidationError as error:
        raise MetadataError(explain(error, Presentation, raw, FILE, "")) from error
    issues = list(_issues(found, {mart.name: mart for mart in shown_marts(marts)}))
    if issues:
        raise MetadataError(issues)
    return found


def _issues(found: Presentation, marts: dict[str, Mart]) -> Iterator[Issue]:
    for name in marts.keys() - found.models.keys():
        yield Issue(FILE, "models", f"'{name}' is missing", "Add it with a label.")
    for name, model in found.models.items():
        if name not in marts:
            yield Issue(FILE, f"models.{name}", "the mart does not exist", did_you_mean(name, marts))
            continue
        columns = [column.name for column in marts[name].columns]
        for column in sorted(model.named - {*columns, *model.computed}):
            place = f"models.{name}.{column}"
            yield Issue(FILE, place, f"{name} has no column '{column}'", did_you_mean(column, columns))
    for name, role in found.roles.items():
        if role.of not in marts:
            yield Issue(FILE, f"roles.{name}.of", f"no mart '{role.of}'", did_you_mean(role.of, marts))
        if name in marts:
            yield Issue(FILE, f"roles.{name}", "a mart has the same name", "Choose another name.")

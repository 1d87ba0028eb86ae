"""Read the AML files of a folder and resolve the fields of every model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metadata.aml.models import aml_type
from metadata.aml.reader import AmlSyntaxError, Block, Call, Name, Text, Value, read_aml
from metadata.errors import Issue
from metadata.marts import Mart


@dataclass(frozen=True)
class Source:
    """A top-level block and its file."""

    file: str
    block: Block

    def issue(self, line: int, problem: str, fix: str) -> Issue:
        """Return an issue at a line of the file."""
        return Issue(self.file, f"line {line}", problem, fix)


@dataclass(frozen=True)
class AmlField:
    """A field of a model; `data_type` and `refers_to` of its mart column, None for a computed field."""

    name: str
    type: str
    hidden: bool
    primary_key: bool
    data_type: str | None
    refers_to: str | None


@dataclass(frozen=True)
class AmlModel:
    """A model with its mart and all its fields, including those of the model that it extends."""

    name: str
    mart: str
    fields: dict[str, AmlField]


@dataclass(frozen=True)
class Project:
    """Content of all files. `models` holds only models with a known mart."""

    sources: tuple[Source, ...]
    models: dict[str, AmlModel]
    marts: dict[str, Mart]

    def of_kind(self, kind: str) -> tuple[Source, ...]:
        """Return all top-level blocks of a kind."""
        return tuple(source for source in self.sources if source.block.kind == kind)

    @property
    def datasets(self) -> dict[str, Source]:
        """Datasets by name."""
        return {source.block.name or "": source for source in self.of_kind("Dataset")}


def aml_texts(folder: Path) -> dict[str, str]:
    """Return {path below the folder: text} of every *.aml file."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.aml"))
    }


def read_project(texts: Mapping[str, str], marts: Sequence[Mart]) -> tuple[Project, list[Issue]]:
    """Parse the AML files, {path: text}; files with syntax errors become issues."""
    sources: list[Source] = []
    issues: list[Issue] = []
    for file, text in texts.items():
        try:
            sources += [Source(file, block) for block in read_aml(text)]
        except AmlSyntaxError as error:
            fix = "Fix the AML in this line or just before it."
            issues.append(Issue(file, f"line {error.line}", str(error), fix))
    by_name = {mart.name: mart for mart in marts}
    blocks = {source.block.name or "": source.block for source in sources if source.block.kind == "Model"}
    models = {name: model for name in blocks if (model := _model(name, blocks, by_name))}
    return Project(tuple(sources), models, by_name), issues


def mart_name(block: Block) -> str:
    """Return the table of a model: dim_city for `` `wwi_marts`.`dim_city` ``."""
    return (block.text("table_name") or "").rpartition(".")[2].strip("`")


def _model(name: str, blocks: dict[str, Block], marts: dict[str, Mart]) -> AmlModel | None:
    block = blocks[name]
    base = blocks.get(block.base) if block.base else block
    if base is None or base.base or mart_name(base) not in marts:
        return None
    mart = marts[mart_name(base)]
    columns = {column.name: column for column in mart.columns}
    fields = {}
    for dimension in base.of_kind("dimension"):
        column = columns.get(dimension.name or "")
        fields[dimension.name or ""] = AmlField(
            dimension.name or "",
            dimension.text("type") or "",
            dimension.get("hidden") is True,
            dimension.get("primary_key") is True,
            column.type if column else None,
            column.refers_to if column else None,
        )
    return AmlModel(name, mart.name, fields)


def fits(field_type: str, data_type: str) -> bool:
    """Return whether a BigQuery type has this Holistics type."""
    try:
        return aml_type(data_type) == field_type
    except KeyError:
        return False


def reference(value: Value | None) -> str | None:
    """Return the path of `r(model.field)`, or None."""
    if isinstance(value, Call) and value.function == "r" and len(value.arguments) == 1:
        (argument,) = value.arguments
        return argument.value if isinstance(argument, Name) else None
    return None


def names_in(value: Value | None) -> tuple[str, ...]:
    """Return the names or texts of a value or list."""
    listed = value if isinstance(value, tuple) else (value,)
    return tuple(each.value for each in listed if isinstance(each, Name | Text))


def walk(block: Block) -> Iterator[Block]:
    """Yield the block and all nested blocks, including property values."""
    yield block
    for part in block.parts:
        values = [part] if isinstance(part, Block) else _blocks_of(part.value)
        for inner in values:
            yield from walk(inner)


def _blocks_of(value: Value) -> list[Block]:
    listed = value if isinstance(value, tuple) else (value,)
    return [each for each in listed if isinstance(each, Block)]

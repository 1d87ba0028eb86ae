"""All AML of a folder, by name, with the fields that every model has in the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metadata.aml.models import aml_type
from metadata.aml.reader import AmlSyntaxError, Block, Call, Name, Text, Value, read_aml
from metadata.errors import Mistake
from metadata.marts import Mart


@dataclass(frozen=True)
class Source:
    """A block at the top of a file."""

    file: str
    block: Block

    def mistake(self, line: int, problem: str, mend: str) -> Mistake:
        """A mistake at a line of the file."""
        return Mistake(self.file, f"line {line}", problem, mend)


@dataclass(frozen=True)
class FieldOf:
    """A field of a model. `column`: the mart's column it shows as it is, None when it is computed."""

    name: str
    type: str
    hidden: bool
    primary_key: bool
    data_type: str | None
    refers_to: str | None


@dataclass(frozen=True)
class ModelOf:
    """A model, with the fields that it takes from the one it extends; `mart` is what lies below both."""

    name: str
    mart: str
    fields: dict[str, FieldOf]


@dataclass(frozen=True)
class Project:
    """What the files hold. `models` has only those that could be told."""

    sources: tuple[Source, ...]
    models: dict[str, ModelOf]
    marts: dict[str, Mart]

    def of_kind(self, kind: str) -> tuple[Source, ...]:
        """The blocks of a kind."""
        return tuple(source for source in self.sources if source.block.kind == kind)

    @property
    def datasets(self) -> dict[str, Source]:
        """The datasets by name."""
        return {source.block.name or "": source for source in self.of_kind("Dataset")}


def aml_texts(folder: Path) -> dict[str, str]:
    """Return path below the folder -> text of every *.aml there."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.aml"))
    }


def read_project(texts: Mapping[str, str], marts: Sequence[Mart]) -> tuple[Project, list[Mistake]]:
    """Read the AML, {path: text}; what cannot be read is a mistake and left out."""
    sources: list[Source] = []
    mistakes: list[Mistake] = []
    for file, text in texts.items():
        try:
            sources += [Source(file, block) for block in read_aml(text)]
        except AmlSyntaxError as error:
            mend = "Mend the AML there, or just before it."
            mistakes.append(Mistake(file, f"line {error.line}", str(error), mend))
    by_name = {mart.name: mart for mart in marts}
    blocks = {source.block.name or "": source.block for source in sources if source.block.kind == "Model"}
    models = {name: model for name in blocks if (model := _model(name, blocks, by_name))}
    return Project(tuple(sources), models, by_name), mistakes


def mart_name(block: Block) -> str:
    """The table of a model: `` `wwi_marts`.`dim_city` `` is dim_city."""
    return (block.text("table_name") or "").rpartition(".")[2].strip("`")


def _model(name: str, blocks: dict[str, Block], marts: dict[str, Mart]) -> ModelOf | None:
    block = blocks[name]
    base = blocks.get(block.base) if block.base else block
    if base is None or base.base or mart_name(base) not in marts:
        return None
    mart = marts[mart_name(base)]
    columns = {column.name: column for column in mart.columns}
    fields = {}
    for dimension in base.of_kind("dimension"):
        column = columns.get(dimension.name or "")
        fields[dimension.name or ""] = FieldOf(
            dimension.name or "",
            dimension.text("type") or "",
            dimension.get("hidden") is True,
            dimension.get("primary_key") is True,
            column.type if column else None,
            column.refers_to if column else None,
        )
    return ModelOf(name, mart.name, fields)


def fits(field_type: str, data_type: str) -> bool:
    """Whether Holistics reads a BigQuery type as this type."""
    try:
        return aml_type(data_type) == field_type
    except KeyError:
        return False


def reference(value: Value | None) -> str | None:
    """The path in `r(model.field)`; None for anything else."""
    if isinstance(value, Call) and value.function == "r" and len(value.arguments) == 1:
        (argument,) = value.arguments
        return argument.value if isinstance(argument, Name) else None
    return None


def names_in(value: Value | None) -> tuple[str, ...]:
    """The words of a list, or the texts of one."""
    listed = value if isinstance(value, tuple) else (value,)
    return tuple(each.value for each in listed if isinstance(each, Name | Text))


def walk(block: Block) -> Iterator[Block]:
    """The block and every block in it, also those that are values."""
    yield block
    for part in block.parts:
        values = [part] if isinstance(part, Block) else _blocks_of(part.value)
        for inner in values:
            yield from walk(inner)


def _blocks_of(value: Value) -> list[Block]:
    listed = value if isinstance(value, tuple) else (value,)
    return [each for each in listed if isinstance(each, Block)]

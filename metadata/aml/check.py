"""Does the AML hold together, and is everything that it names in the marts? What Holistics' own compiler
would say more, it must say itself: `holistics aml validate`.

python -m metadata.aml.check    exit 1 and name every mistake
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from metadata.aml.dashboards import dashboard_mistakes
from metadata.aml.datasets import dataset_mistakes
from metadata.aml.presentation import shown_marts
from metadata.aml.project import Project, Source, aml_texts, fits, mart_name, read_project, walk
from metadata.aml.reader import Block
from metadata.aml.shapes import OPEN, SHAPES, Shape, is_kind, kind_text
from metadata.errors import MetadataError, Mistake, did_you_mean
from metadata.load import METADATA_DIR
from metadata.marts import Mart, load_marts

FOLDER = METADATA_DIR / "holistics"


def find_aml_mistakes(texts: Mapping[str, str], marts: Sequence[Mart]) -> list[Mistake]:
    """Return every mistake in the AML, {path below its root: text}, sorted by file."""
    project, mistakes = read_project(texts, marts)
    for source in project.sources:
        mistakes += _shape_mistakes(source)
    mistakes += _doubled(project)
    mistakes += _data_sources(project)
    for source in project.of_kind("Model"):
        mistakes += _model_mistakes(source, project)
    mistakes += _missing_models(project)
    for source in project.of_kind("Dataset"):
        mistakes += dataset_mistakes(source, project)
    for source in project.of_kind("Dashboard"):
        mistakes += dashboard_mistakes(source, project)
    return sorted(set(mistakes))


def _shape_mistakes(source: Source) -> Iterator[Mistake]:
    """Every block has the properties that its kind needs, and no other."""
    placed = {id(block) for layout in walk(source.block) if _is_layout(layout) for block in layout.blocks}
    for block in walk(source.block):
        kind = block.type or block.kind
        if id(block) in placed and kind == "block":
            kind = "placed block"
        if kind in OPEN or (source.block.kind == "Dataset" and block is not source.block and not block.parts):
            continue
        shape = SHAPES.get(kind)
        if shape is None:
            yield source.mistake(block.line, f"no block is of kind '{kind}'", did_you_mean(kind, SHAPES))
        elif block.base or _is_extended(source, block):
            yield from _property_mistakes(source, block, kind, shape)
        else:
            yield from _property_mistakes(source, block, kind, shape)
            yield from _missing(source, block, kind, shape)


def _is_layout(block: Block) -> bool:
    return (block.type or block.kind) in {"CanvasLayout", "LinearLayout"}


def _is_extended(source: Source, block: Block) -> bool:
    return source.block.base is not None and block.kind == "dimension"


def _property_mistakes(source: Source, block: Block, kind: str, shape: Shape) -> Iterator[Mistake]:
    known = {**shape.needs, **shape.may}
    for part in block.properties:
        if part.name not in known:
            mend = did_you_mean(part.name, known)
            yield source.mistake(part.line, f"{kind} has no property '{part.name}'", mend)
        elif not is_kind(part.value, known[part.name]):
            mend = f"It is {kind_text(known[part.name])}."
            yield source.mistake(part.line, f"'{part.name}' of {kind} has a wrong value", mend)
    for name, count in Counter(part.name for part in block.properties).items():
        if count > 1:
            yield source.mistake(block.line, f"'{name}' is written {count} times", "Keep one.")
    for inner in block.blocks:
        if inner.kind not in shape.holds:
            mend = did_you_mean(inner.kind, shape.holds)
            yield source.mistake(inner.line, f"{kind} holds no '{inner.kind}'", mend)


def _missing(source: Source, block: Block, kind: str, shape: Shape) -> Iterator[Mistake]:
    for name in shape.needs:
        if block.get(name) is None:
            yield source.mistake(block.line, f"{kind} {block.name or ''} lacks '{name}'", f"Add `{name}:`.")
    for name in shape.must_hold - {inner.kind for inner in block.blocks}:
        yield source.mistake(
            block.line, f"{kind} {block.name or ''} lacks '{name}'", f"Add `{name} {{ .. }}`."
        )


def _doubled(project: Project) -> Iterator[Mistake]:
    """Models and datasets share one namespace; dashboards, fields, metrics and blocks have their own."""
    first: dict[tuple[str, str], str] = {}
    for source in project.sources:
        block = source.block
        space = "model or dataset" if block.kind in {"Model", "Dataset"} else block.kind
        other = first.setdefault((space, block.name or ""), source.file)
        if other != source.file:
            yield source.mistake(block.line, f"a {space} '{block.name}' is also in {other}", "Rename one.")
        stem = Path(source.file).name.partition(".")[0]
        if block.name != stem:
            yield source.mistake(block.line, f"'{block.name}' stands in a file called {stem}", "Rename one.")
        inner = Counter((each.kind, each.name) for each in block.blocks if each.name)
        for (kind, name), count in inner.items():
            if count > 1:
                yield source.mistake(block.line, f"{kind} '{name}' is there {count} times", "Rename one.")


def _data_sources(project: Project) -> Iterator[Mistake]:
    """Holistics joins nothing over two connections."""
    named = [(source, source.block.text("data_source_name")) for source in project.sources]
    told = Counter(name for _, name in named if name)
    usual = told.most_common(1)[0][0] if told else None
    for source, name in named:
        if name and name != usual:
            problem = f"'{source.block.name}' reads the data source '{name}', others '{usual}'"
            yield source.mistake(source.block.line, problem, "Name the one of metadata/holistics.yml.")


def _model_mistakes(source: Source, project: Project) -> Iterator[Mistake]:
    block = source.block
    if block.base:
        model = project.models.get(block.base)
        if model is None:
            yield source.mistake(
                block.line, f"no model '{block.base}'", did_you_mean(block.base, project.models)
            )
            return
        for dimension in block.of_kind("dimension"):
            if dimension.name not in model.fields:
                mend = did_you_mean(dimension.name or "", model.fields)
                yield source.mistake(dimension.line, f"{block.base} has no field '{dimension.name}'", mend)
        return
    table = mart_name(block)
    if table not in project.marts:
        yield source.mistake(block.line, f"no mart '{table}'", did_you_mean(table, project.marts))
        return
    yield from _field_mistakes(source, project.marts[table])


def _field_mistakes(source: Source, mart: Mart) -> Iterator[Mistake]:
    columns = {column.name: column for column in mart.columns}
    keys = [each.name for each in source.block.of_kind("dimension") if each.get("primary_key") is True]
    if keys != [mart.columns[0].name]:
        mend = f"Give `primary_key: true` to {mart.columns[0].name} alone."
        yield source.mistake(source.block.line, f"the key of {mart.name} is {keys}", mend)
    for dimension in source.block.of_kind("dimension"):
        definition = dimension.text("definition") or ""
        for text in _interpolations(definition):
            name = text.removeprefix("#SOURCE.")
            if name not in columns:
                mend = did_you_mean(name, columns)
                yield source.mistake(dimension.line, f"{mart.name} has no column '{text}'", mend)
        if not _interpolations(definition):
            mend = "Write {{ #SOURCE.column }}."
            yield source.mistake(dimension.line, f"'{dimension.name}' names no column", mend)
        shown = columns.get(definition.strip("{ }").removeprefix("#SOURCE."))
        if shown and not fits(dimension.text("type") or "", shown.type):
            problem = f"'{dimension.name}' is {dimension.text('type')}, the column a {shown.type}"
            yield source.mistake(dimension.line, problem, "Give it the type that fits.")
        refers = shown is not None and (shown.refers_to or shown.name.endswith("_key"))
        if refers and dimension.get("hidden") is not True:
            yield source.mistake(dimension.line, f"the key '{dimension.name}' is not hidden", "Hide it.")


def _interpolations(definition: str) -> list[str]:
    return [part.partition("}}")[0].strip() for part in definition.split("{{")[1:]]


def _missing_models(project: Project) -> Iterator[Mistake]:
    """Every mart that may be seen is a model, and no other."""
    shown = {mart.name for mart in shown_marts(tuple(project.marts.values()))}
    modelled = {mart_name(source.block) for source in project.of_kind("Model") if not source.block.base}
    for name in sorted(shown - modelled):
        yield Mistake("models", name, "no model shows this mart", "Run `make generate`.")
    for name in sorted((modelled - shown) & project.marts.keys()):
        yield Mistake("models", name, "a model shows unmasked personal data", "Show the masked view instead.")


def main() -> int:
    """Check our own AML; return the exit code."""
    mistakes = find_aml_mistakes(aml_texts(FOLDER), load_marts())
    if mistakes:
        print(MetadataError(mistakes), file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())

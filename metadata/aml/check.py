"""Check the AML files: syntax, names, and that everything they refer to exists in the marts.

python -m metadata.aml.check    print every issue; exit 1 if there is one

It does not replace Holistics' own compiler: `holistics aml validate`.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from metadata.aml.dashboards import dashboard_issues
from metadata.aml.datasets import dataset_issues
from metadata.aml.presentation import shown_marts
from metadata.aml.project import Project, Source, aml_texts, fits, mart_name, read_project, walk
from metadata.aml.reader import Block
from metadata.aml.shapes import SHAPES, UNCHECKED, Shape, is_kind, kind_text
from metadata.errors import Issue, MetadataError, did_you_mean
from metadata.load import METADATA_DIR
from metadata.marts import Mart, load_marts

FOLDER = METADATA_DIR / "holistics"


def find_aml_issues(texts: Mapping[str, str], marts: Sequence[Mart]) -> list[Issue]:
    """Return every issue in the AML files, {path below the root: text}, sorted by file."""
    project, issues = read_project(texts, marts)
    for source in project.sources:
        issues += _shape_issues(source)
    issues += _duplicate_names(project)
    issues += _data_sources(project)
    for source in project.of_kind("Model"):
        issues += _model_issues(source, project)
    issues += _missing_models(project)
    for source in project.of_kind("Dataset"):
        issues += dataset_issues(source, project)
    for source in project.of_kind("Dashboard"):
        issues += dashboard_issues(source, project)
    return sorted(set(issues))


def _shape_issues(source: Source) -> Iterator[Issue]:
    """Check that every block has the required properties, and only known ones."""
    placed = {id(block) for layout in walk(source.block) if _is_layout(layout) for block in layout.blocks}
    for block in walk(source.block):
        kind = block.type or block.kind
        if id(block) in placed and kind == "block":
            kind = "placed block"
        if kind in UNCHECKED or (
            source.block.kind == "Dataset" and block is not source.block and not block.parts
        ):
            continue
        shape = SHAPES.get(kind)
        if shape is None:
            yield source.issue(block.line, f"unknown block kind '{kind}'", did_you_mean(kind, SHAPES))
        elif block.base or _is_extended(source, block):
            yield from _property_issues(source, block, kind, shape)
        else:
            yield from _property_issues(source, block, kind, shape)
            yield from _missing(source, block, kind, shape)


def _is_layout(block: Block) -> bool:
    return (block.type or block.kind) in {"CanvasLayout", "LinearLayout"}


def _is_extended(source: Source, block: Block) -> bool:
    return source.block.base is not None and block.kind == "dimension"


def _property_issues(source: Source, block: Block, kind: str, shape: Shape) -> Iterator[Issue]:
    known = {**shape.required, **shape.optional}
    for part in block.properties:
        if part.name not in known:
            fix = did_you_mean(part.name, known)
            yield source.issue(part.line, f"{kind} has no property '{part.name}'", fix)
        elif not is_kind(part.value, known[part.name]):
            fix = f"Expected {kind_text(known[part.name])}."
            yield source.issue(part.line, f"'{part.name}' of {kind} has an invalid value", fix)
    for name, count in Counter(part.name for part in block.properties).items():
        if count > 1:
            yield source.issue(block.line, f"'{name}' is set {count} times", "Keep one.")
    for inner in block.blocks:
        if inner.kind not in shape.allowed_blocks:
            fix = did_you_mean(inner.kind, shape.allowed_blocks)
            yield source.issue(inner.line, f"{kind} cannot contain a '{inner.kind}'", fix)


def _missing(source: Source, block: Block, kind: str, shape: Shape) -> Iterator[Issue]:
    for name in shape.required:
        if block.get(name) is None:
            yield source.issue(block.line, f"{kind} {block.name or ''} lacks '{name}'", f"Add `{name}:`.")
    for name in shape.required_blocks - {inner.kind for inner in block.blocks}:
        yield source.issue(block.line, f"{kind} {block.name or ''} lacks '{name}'", f"Add `{name} {{ .. }}`.")


def _duplicate_names(project: Project) -> Iterator[Issue]:
    """Find duplicate names; models and datasets share one namespace, other kinds have their own."""
    first: dict[tuple[str, str], str] = {}
    for source in project.sources:
        block = source.block
        space = "model or dataset" if block.kind in {"Model", "Dataset"} else block.kind
        other = first.setdefault((space, block.name or ""), source.file)
        if other != source.file:
            yield source.issue(block.line, f"a {space} '{block.name}' is also in {other}", "Rename one.")
        stem = Path(source.file).name.partition(".")[0]
        if block.name != stem:
            yield source.issue(block.line, f"'{block.name}' is in a file called {stem}", "Rename one.")
        inner = Counter((each.kind, each.name) for each in block.blocks if each.name)
        for (kind, name), count in inner.items():
            if count > 1:
                yield source.issue(block.line, f"{kind} '{name}' is defined {count} times", "Rename one.")


def _data_sources(project: Project) -> Iterator[Issue]:
    """Check that all blocks use one data source, since Holistics does not join across connections."""
    named = [(source, source.block.text("data_source_name")) for source in project.sources]
    counts = Counter(name for _, name in named if name)
    usual = counts.most_common(1)[0][0] if counts else None
    for source, name in named:
        if name and name != usual:
            problem = f"'{source.block.name}' uses the data source '{name}', the others '{usual}'"
            yield source.issue(source.block.line, problem, "Use the data_source of metadata/holistics.yml.")


def _model_issues(source: Source, project: Project) -> Iterator[Issue]:
    block = source.block
    if block.base:
        model = project.models.get(block.base)
        if model is None:
            yield source.issue(
                block.line, f"no model '{block.base}'", did_you_mean(block.base, project.models)
            )
            return
        for dimension in block.of_kind("dimension"):
            if dimension.name not in model.fields:
                fix = did_you_mean(dimension.name or "", model.fields)
                yield source.issue(dimension.line, f"{block.base} has no field '{dimension.name}'", fix)
        return
    table = mart_name(block)
    if table not in project.marts:
        yield source.issue(block.line, f"no mart '{table}'", did_you_mean(table, project.marts))
        return
    yield from _field_issues(source, project.marts[table])


def _field_issues(source: Source, mart: Mart) -> Iterator[Issue]:
    columns = {column.name: column for column in mart.columns}
    keys = [each.name for each in source.block.of_kind("dimension") if each.get("primary_key") is True]
    if keys != [mart.columns[0].name]:
        fix = f"Set `primary_key: true` on {mart.columns[0].name} only."
        yield source.issue(source.block.line, f"the primary key of {mart.name} is {keys}", fix)
    for dimension in source.block.of_kind("dimension"):
        definition = dimension.text("definition") or ""
        for text in _interpolations(definition):
            name = text.removeprefix("#SOURCE.")
            if name not in columns:
                fix = did_you_mean(name, columns)
                yield source.issue(dimension.line, f"{mart.name} has no column '{text}'", fix)
        if not _interpolations(definition):
            fix = "Write {{ #SOURCE.column }}."
            yield source.issue(dimension.line, f"'{dimension.name}' refers to no column", fix)
        shown = columns.get(definition.strip("{ }").removeprefix("#SOURCE."))
        if shown and not fits(dimension.text("type") or "", shown.type):
            problem = f"'{dimension.name}' is {dimension.text('type')}, but the column is {shown.type}"
            yield source.issue(dimension.line, problem, "Use the matching Holistics type.")
        refers = shown is not None and (shown.refers_to or shown.name.endswith("_key"))
        if refers and dimension.get("hidden") is not True:
            yield source.issue(
                dimension.line, f"the key '{dimension.name}' is not hidden", "Add `hidden: true`."
            )


def _interpolations(definition: str) -> list[str]:
    return [part.partition("}}")[0].strip() for part in definition.split("{{")[1:]]


def _missing_models(project: Project) -> Iterator[Issue]:
    """Check that exactly the marts without unmasked personal data are models."""
    shown = {mart.name for mart in shown_marts(tuple(project.marts.values()))}
    modelled = {mart_name(source.block) for source in project.of_kind("Model") if not source.block.base}
    for name in sorted(shown - modelled):
        yield Issue("models", name, "the mart has no model", "Run `make generate`.")
    for name in sorted((modelled - shown) & project.marts.keys()):
        yield Issue("models", name, "a model exposes unmasked personal data", "Use the masked view.")


def main() -> int:
    """Check the AML of this project; return the exit code."""
    issues = find_aml_issues(aml_texts(FOLDER), load_marts())
    if issues:
        print(MetadataError(issues), file=sys.stderr)
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main())

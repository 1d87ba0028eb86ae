"""Check dashboards: every chart uses fields of its dataset, and every block has one position."""

from collections import Counter
from collections.abc import Iterator

from metadata.aml.project import Project, Source, names_in, reference, walk
from metadata.aml.reader import Block, Call, Name, Text
from metadata.errors import Issue, did_you_mean

FORMAT_TYPES = {
    "number": "number",
    "date": "date",
    "datetime": "datetime",
    "text": "text",
    "truefalse": "text",
}
TIMES = frozenset({"date", "datetime"})


def dashboard_issues(source: Source, project: Project) -> Iterator[Issue]:
    """Yield every issue of one dashboard."""
    blocks = {block.name or "": block for block in source.block.of_kind("block")}
    datasets = {name: _dataset(block) for name, block in blocks.items()}
    for name, block in blocks.items():
        dataset = datasets[name]
        if dataset is not None and dataset not in project.datasets:
            problem = f"block '{name}' uses an unknown dataset '{dataset}'"
            yield source.issue(block.line, problem, did_you_mean(dataset, project.datasets))
        elif dataset is not None:
            yield from _fields(source, block, dataset, project)
    yield from _places(source, blocks)
    yield from _interactions(source, blocks, datasets, project)


def _dataset(block: Block) -> str | None:
    """Return the dataset that a block uses, or None."""
    for inner in walk(block):
        found = inner.get("dataset")
        if isinstance(found, Name):
            return found.value
    return None


def _fields(source: Source, block: Block, dataset: str, project: Project) -> Iterator[Issue]:
    metrics = {metric.name or "": metric for metric in project.datasets[dataset].block.of_kind("metric")}
    for inner in walk(block):
        ref = inner.get("ref")
        if isinstance(ref, Text) and ref.value not in metrics:
            problem = f"{dataset} has no metric '{ref.value}'"
            yield source.issue(inner.line, problem, did_you_mean(ref.value, metrics))
        for value in (ref, inner.get("field")):
            if isinstance(value, Call):
                yield from _field(source, inner, value, dataset, project)
        if isinstance(ref, Text) and ref.value in metrics:
            yield from _format(source, inner, ref.value, metrics[ref.value].text("type") or "")


def _field(source: Source, holder: Block, value: Call, dataset: str, project: Project) -> Iterator[Issue]:
    path = reference(value) or ""
    model, _, name = path.partition(".")
    listed = names_in(project.datasets[dataset].block.get("models"))
    if model not in listed or model not in project.models:
        yield source.issue(holder.line, f"{dataset} has no model '{model}'", did_you_mean(model, listed))
        return
    fields = project.models[model].fields
    if name not in fields:
        yield source.issue(holder.line, f"{model} has no field '{name}'", did_you_mean(name, fields))
        return
    field = fields[name]
    if field.hidden:
        yield source.issue(holder.line, f"{path} is hidden", "Use a visible field.")
    if holder.get("transformation") and field.type not in TIMES:
        yield source.issue(holder.line, f"{path} is not a date and cannot be truncated", "Use a date field.")
    yield from _format(source, holder, path, field.type)


def _format(source: Source, holder: Block, name: str, type_: str) -> Iterator[Issue]:
    for block in holder.of_kind("format"):
        wanted = FORMAT_TYPES.get(type_, "auto")
        if block.text("type") not in {wanted, "auto"}:
            yield source.issue(block.line, f"{name} is {type_}", f"Use the format type {wanted}.")


def _places(source: Source, blocks: dict[str, Block]) -> Iterator[Issue]:
    view = source.block.get("view")
    placed: list[str] = []
    for layout in walk(view) if isinstance(view, Block) else ():
        kind = layout.type or layout.kind
        if kind in {"CanvasLayout", "LinearLayout"}:
            placed += [each.name or "" for each in layout.of_kind("block")]
        if kind == "CanvasLayout":
            yield from _overlaps(source, layout)
    for name in sorted(set(placed) - blocks.keys()):
        yield source.issue(
            source.block.line,
            f"the view has a position for an unknown block '{name}'",
            did_you_mean(name, blocks),
        )
    for name in sorted(blocks.keys() - set(placed)):
        yield source.issue(blocks[name].line, f"block '{name}' has no position", "Add it to `view`.")
    for name, count in Counter(placed).items():
        if count > 1:
            yield source.issue(source.block.line, f"block '{name}' has {count} positions", "Keep one.")


def _overlaps(source: Source, layout: Block) -> Iterator[Issue]:
    width, height, grid = (layout.get(name) for name in ("width", "height", "grid_size"))
    boxes: dict[str, tuple[int, int, int, int]] = {}
    for block in layout.of_kind("block"):
        position = block.get("position")
        numbers = position.arguments if isinstance(position, Call) and position.function == "pos" else ()
        match numbers:
            case (int() as x, int() as y, int() as w, int() as h):
                pass
            case _:
                yield source.issue(block.line, f"'{block.name}' has no position", "Write pos(x, y, w, h).")
                continue
        if isinstance(grid, int) and any(number % grid for number in (x, y, w, h)):
            yield source.issue(block.line, f"'{block.name}' is not aligned to the grid of {grid}", "Move it.")
        if isinstance(width, int) and isinstance(height, int) and (x + w > width or y + h > height):
            yield source.issue(
                block.line, f"'{block.name}' is outside the canvas", "Move it, or enlarge the canvas."
            )
        for other, (ox, oy, ow, oh) in boxes.items():
            if x < ox + ow and ox < x + w and y < oy + oh and oy < y + h:
                yield source.issue(block.line, f"'{block.name}' overlaps '{other}'", "Move one.")
        boxes[block.name or ""] = (x, y, w, h)


def _interactions(
    source: Source, blocks: dict[str, Block], datasets: dict[str, str | None], project: Project
) -> Iterator[Issue]:
    value = source.block.get("interactions")
    for interaction in value if isinstance(value, tuple) else ():
        if not isinstance(interaction, Block):
            continue
        mappings = interaction.get("to")
        targets = (
            [each for each in mappings if isinstance(each, Block)] if isinstance(mappings, tuple) else []
        )
        named = [interaction.text("from") or "", *(n for t in targets for n in names_in(t.get("block")))]
        for name in named:
            if name not in blocks:
                problem = f"an interaction refers to an unknown block '{name}'"
                yield source.issue(interaction.line, problem, did_you_mean(name, blocks))
        for target in targets:
            field = target.get("field")
            for name in names_in(target.get("block")):
                dataset = datasets.get(name)
                if isinstance(field, Call) and dataset in project.datasets and dataset:
                    yield from _field(source, target, field, dataset, project)

"""Check datasets: models exist, joins follow the marts' foreign keys, metrics are valid and complete."""

import re
from collections.abc import Iterator

from metadata.aml.aql import FUNCTIONS, UNITS, WORDS, Formula, read_aql, type_issues
from metadata.aml.project import AmlField, AmlModel, Project, Source, names_in, reference
from metadata.aml.reader import Block, Call, Join, Text
from metadata.errors import Issue, did_you_mean

DIRECTIONS = ("one_way", "two_way")
TYPED_FORMATS = re.compile(r"#,###")


def dataset_issues(source: Source, project: Project) -> Iterator[Issue]:
    """Yield every issue of one dataset."""
    block = source.block
    listed = names_in(block.get("models"))
    models = {name: project.models[name] for name in listed if name in project.models}
    for name in listed:
        if name not in project.models:
            yield source.issue(block.line, f"no model '{name}'", did_you_mean(name, project.models))
    yield from _relationships(source, project, models)
    yield from _metrics(source, models)
    for permission in block.of_kind("permission"):
        if wrong := _unknown(reference(permission.get("field")) or "", models):
            yield source.issue(permission.line, *wrong)
    yield from _view(source, models)
    yield from _unused_numbers(source, models)


def _relationships(source: Source, project: Project, models: dict[str, AmlModel]) -> Iterator[Issue]:
    block = source.block
    value = block.get("relationships")
    joined: set[str] = set()
    active: set[tuple[str, str]] = set()
    for each in value if isinstance(value, tuple) else ():
        arguments = each.arguments if isinstance(each, Call) and each.function == "relationship" else ()
        match arguments:
            case (Join(left, ">", right), bool() as is_active, Text(direction)) if direction in DIRECTIONS:
                yield from _join(source, project, models, left, right)
                pair = (left.partition(".")[0], right.partition(".")[0])
                joined |= set(pair)
                if is_active and pair in active:
                    problem = f"{pair[0]} and {pair[1]} have two active relationships"
                    yield source.issue(block.line, problem, "Make one of them inactive, or use a role.")
                active |= {pair} if is_active else set()
            case _:
                fix = "Write relationship(fact.key > dimension.key, true, 'one_way')."
                yield source.issue(block.line, "a relationship is not valid", fix)
    for name in sorted(models.keys() - joined):
        yield source.issue(block.line, f"'{name}' has no relationship", "Add a relationship.")


def _join(
    source: Source, project: Project, models: dict[str, AmlModel], left: str, right: str
) -> Iterator[Issue]:
    line = source.block.line
    for path in (left, right):
        if wrong := _unknown(path, models):
            yield source.issue(line, *wrong)
            return
    many, one = _field(left, models), _field(right, models)
    target = models[right.partition(".")[0]]
    if not one.primary_key:
        yield source.issue(line, f"{right} is not the primary key of its model", "Join on the primary key.")
    if many.data_type != one.data_type:
        problem = f"{left} is {many.data_type} and {right} is {one.data_type}"
        yield source.issue(line, problem, "Join columns of the same type.")
    if many.refers_to != target.mart:
        problem = f"{left} refers to {many.refers_to or 'nothing'}, not to {target.mart}"
        yield source.issue(line, problem, "Join columns that a `refers_to` test of the marts connects.")


def _field(path: str, models: dict[str, AmlModel]) -> AmlField:
    model, _, name = path.partition(".")
    return models[model].fields[name]


def _unknown(path: str, models: dict[str, AmlModel]) -> tuple[str, str] | None:
    """Return problem and fix if `model.field` does not exist, else None."""
    model, _, name = path.partition(".")
    if model not in models:
        return f"'{model}' is not in the dataset", did_you_mean(model, models)
    if name not in models[model].fields:
        return f"{model} has no field '{name}'", did_you_mean(name, models[model].fields)
    return None


def _metrics(source: Source, models: dict[str, AmlModel]) -> Iterator[Issue]:
    metrics = {metric.name or "": metric for metric in source.block.of_kind("metric")}
    types = {
        f"{model}.{name}": field.type for model, each in models.items() for name, field in each.fields.items()
    }
    uses: dict[str, set[str]] = {}
    for name, metric in metrics.items():
        if metric.text("type") == "number" and not TYPED_FORMATS.search(metric.text("format") or ""):
            yield source.issue(metric.line, f"metric '{name}' has no number format", "Add `format:`.")
        try:
            formula = read_aql(metric.text("definition") or "")
        except ValueError as error:
            yield source.issue(metric.line, f"the AQL of '{name}' is not valid: {error}", "Fix the formula.")
            continue
        uses[name] = {word for word, called in formula.words() if not called and word in metrics}
        yield from _formula(source, metric, formula, models, metrics)
        for problem in type_issues(formula, types):
            yield source.issue(
                metric.line, f"the AQL of '{name}': {problem}", "Use a field of the right type."
            )
    for name in uses:
        if name in _dependencies(name, uses):
            yield source.issue(
                metrics[name].line, f"metric '{name}' depends on itself", "Remove the circular reference."
            )


def _formula(
    source: Source, metric: Block, formula: Formula, models: dict[str, AmlModel], metrics: dict[str, Block]
) -> Iterator[Issue]:
    for path in sorted(formula.fields):
        if wrong := _unknown(path, models):
            yield source.issue(metric.line, *wrong)
    for word, called in formula.words():
        known = FUNCTIONS if called else WORDS | UNITS | metrics.keys() | models.keys()
        if word not in known:
            what = "function" if called else "metric or model"
            problem = f"the AQL of '{metric.name}' uses an unknown {what} '{word}'"
            yield source.issue(metric.line, problem, did_you_mean(word, known))


def _dependencies(name: str, uses: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = set(uses[name])
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            pending |= uses.get(each, set())
    return found


def _view(source: Source, models: dict[str, AmlModel]) -> Iterator[Issue]:
    """Check that the view has every metric exactly once, and every model."""
    metrics = [metric.name for metric in source.block.of_kind("metric")]
    for view in source.block.of_kind("view"):
        grouped = [each.name for group in view.of_kind("group") for each in group.of_kind("metric")]
        if sorted(map(str, grouped)) != sorted(map(str, metrics)):
            odd = sorted(set(map(str, grouped)) ^ set(map(str, metrics))) or ["a metric is listed twice"]
            yield source.issue(
                view.line,
                f"the view and the metrics differ: {', '.join(odd)}",
                "List every metric once in the view.",
            )
        if {each.name for each in view.of_kind("model")} != models.keys():
            yield source.issue(view.line, "the view and `models` differ", "List every model in both.")


def _unused_numbers(source: Source, models: dict[str, AmlModel]) -> Iterator[Issue]:
    """Find numbers of facts that are hidden and in no metric."""
    texts = " ".join(metric.text("definition") or "" for metric in source.block.of_kind("metric"))
    for name, model in models.items():
        if not model.mart.startswith("fct_"):
            continue
        for field in model.fields.values():
            is_key = field.name.endswith("_key") or field.refers_to is not None
            is_measure = field.hidden and field.type == "number" and not is_key
            if is_measure and not re.search(rf"\b{name}\.{field.name}\b", texts):
                fix = "Add a metric, or list the column under `numbers` in metadata/holistics.yml."
                problem = f"{name}.{field.name} is hidden and in no metric"
                yield source.issue(source.block.line, problem, fix)

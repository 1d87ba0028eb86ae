"""Datasets: their models exist and are joined on keys that the marts hold to each other, their metrics can be
computed, and no number of a fact is out of reach."""

import re
from collections.abc import Iterator

from metadata.aml.aql import FUNCTIONS, UNITS, WORDS, Formula, read_aql, type_mistakes
from metadata.aml.project import FieldOf, ModelOf, Project, Source, names_in, reference
from metadata.aml.reader import Block, Call, Join, Text
from metadata.errors import Mistake, did_you_mean

DIRECTIONS = ("one_way", "two_way")
TYPED_FORMATS = re.compile(r"#,###")


def dataset_mistakes(source: Source, project: Project) -> Iterator[Mistake]:
    """Everything wrong in one dataset."""
    block = source.block
    listed = names_in(block.get("models"))
    models = {name: project.models[name] for name in listed if name in project.models}
    for name in listed:
        if name not in project.models:
            yield source.mistake(block.line, f"no model '{name}'", did_you_mean(name, project.models))
    yield from _relationships(source, project, models)
    yield from _metrics(source, models)
    for permission in block.of_kind("permission"):
        if wrong := _unknown(reference(permission.get("field")) or "", models):
            yield source.mistake(permission.line, *wrong)
    yield from _view(source, models)
    yield from _unreachable(source, models)


def _relationships(source: Source, project: Project, models: dict[str, ModelOf]) -> Iterator[Mistake]:
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
                    problem = f"{pair[0]} and {pair[1]} are joined twice"
                    yield source.mistake(block.line, problem, "Make one of them inactive, or give it a role.")
                active |= {pair} if is_active else set()
            case _:
                mend = "Write relationship(fact.key > dimension.key, true, 'one_way')."
                yield source.mistake(block.line, "a relationship cannot be read", mend)
    for name in sorted(models.keys() - joined):
        yield source.mistake(block.line, f"'{name}' is joined to nothing", "Add a relationship.")


def _join(
    source: Source, project: Project, models: dict[str, ModelOf], left: str, right: str
) -> Iterator[Mistake]:
    line = source.block.line
    for path in (left, right):
        if wrong := _unknown(path, models):
            yield source.mistake(line, *wrong)
            return
    many, one = _field(left, models), _field(right, models)
    target = models[right.partition(".")[0]]
    if not one.primary_key:
        yield source.mistake(line, f"{right} is not the key of its model", "Join on the key.")
    if many.data_type != one.data_type:
        problem = f"{left} is {many.data_type} and {right} is {one.data_type}"
        yield source.mistake(line, problem, "Join columns of one type.")
    if many.refers_to != target.mart:
        problem = f"{left} refers to {many.refers_to or 'nothing'} and not to {target.mart}"
        yield source.mistake(line, problem, "Join what a `refers_to` test of the marts holds together.")


def _field(path: str, models: dict[str, ModelOf]) -> FieldOf:
    model, _, name = path.partition(".")
    return models[model].fields[name]


def _unknown(path: str, models: dict[str, ModelOf]) -> tuple[str, str] | None:
    """What is wrong with `model.field`, and the mend; None when it is there."""
    model, _, name = path.partition(".")
    if model not in models:
        return f"'{model}' is not in the dataset", did_you_mean(model, models)
    if name not in models[model].fields:
        return f"{model} has no field '{name}'", did_you_mean(name, models[model].fields)
    return None


def _metrics(source: Source, models: dict[str, ModelOf]) -> Iterator[Mistake]:
    metrics = {metric.name or "": metric for metric in source.block.of_kind("metric")}
    types = {
        f"{model}.{name}": field.type for model, each in models.items() for name, field in each.fields.items()
    }
    uses: dict[str, set[str]] = {}
    for name, metric in metrics.items():
        if metric.text("type") == "number" and not TYPED_FORMATS.search(metric.text("format") or ""):
            yield source.mistake(metric.line, f"metric '{name}' has no number format", "Add `format:`.")
        try:
            formula = read_aql(metric.text("definition") or "")
        except ValueError as error:
            yield source.mistake(metric.line, f"the AQL of '{name}': {error}", "Mend the formula.")
            continue
        uses[name] = {word for word, called in formula.words() if not called and word in metrics}
        yield from _formula(source, metric, formula, models, metrics)
        for problem in type_mistakes(formula, types):
            yield source.mistake(metric.line, f"the AQL of '{name}': {problem}", "Use a field that fits.")
    for name in uses:
        if name in _reached(name, uses):
            yield source.mistake(
                metrics[name].line, f"metric '{name}' is made of itself", "Break the circle."
            )


def _formula(
    source: Source, metric: Block, formula: Formula, models: dict[str, ModelOf], metrics: dict[str, Block]
) -> Iterator[Mistake]:
    for path in sorted(formula.fields):
        if wrong := _unknown(path, models):
            yield source.mistake(metric.line, *wrong)
    for word, called in formula.words():
        known = FUNCTIONS if called else WORDS | UNITS | metrics.keys() | models.keys()
        if word not in known:
            what = "function" if called else "metric or model"
            problem = f"the AQL of '{metric.name}' names no {what} '{word}'"
            yield source.mistake(metric.line, problem, did_you_mean(word, known))


def _reached(name: str, uses: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = set(uses[name])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting |= uses.get(each, set())
    return found


def _view(source: Source, models: dict[str, ModelOf]) -> Iterator[Mistake]:
    """Every metric is in a group of the view once, and every model is listed."""
    metrics = [metric.name for metric in source.block.of_kind("metric")]
    for view in source.block.of_kind("view"):
        grouped = [each.name for group in view.of_kind("group") for each in group.of_kind("metric")]
        if sorted(map(str, grouped)) != sorted(map(str, metrics)):
            odd = sorted(set(map(str, grouped)) ^ set(map(str, metrics))) or ["one twice"]
            yield source.mistake(
                view.line, f"the view and the metrics differ: {', '.join(odd)}", "Align them."
            )
        if {each.name for each in view.of_kind("model")} != models.keys():
            yield source.mistake(view.line, "the view and `models` differ", "List every model in both.")


def _unreachable(source: Source, models: dict[str, ModelOf]) -> Iterator[Mistake]:
    """A number that the model hides is in a metric."""
    texts = " ".join(metric.text("definition") or "" for metric in source.block.of_kind("metric"))
    for name, model in models.items():
        if not model.mart.startswith("fct_"):
            continue
        for field in model.fields.values():
            is_key = field.name.endswith("_key") or field.refers_to is not None
            is_measure = field.hidden and field.type == "number" and not is_key
            if is_measure and not re.search(rf"\b{name}\.{field.name}\b", texts):
                mend = "Make a metric of it, or list it under `numbers` in metadata/holistics.yml."
                problem = f"{name}.{field.name} is hidden and in no metric"
                yield source.mistake(source.block.line, problem, mend)

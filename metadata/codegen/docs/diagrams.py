"""Generate two pages of diagrams: the raw vault by subject area, and the star schema."""

from collections.abc import Iterable, Iterator, Sequence

from metadata import naming
from metadata.codegen.docs.markdown import code, markdown_table, prose
from metadata.codegen.docs.subject_areas import area_of, schemas
from metadata.codegen.models import LinkModel, NonHistorizedLinkModel, Plan
from metadata.mappings import HubMapping, NonHistorizedLinkMapping, ReferenceMapping
from metadata.marts import Mart
from metadata.spec import Catalog, Table


def raw_vault(catalog: Catalog, models: Plan) -> Iterator[str]:
    """Yield one diagram per source schema: its hubs and links, and hubs of other schemas."""
    yield "# Raw vault"
    yield (
        f"{len(models.hubs)} hubs, {len(models.links)} links, {len(models.events)} non-historized links and "
        f"{len(models.satellites)} satellites and code lists. Each hub lists the topics of its "
        "satellites: `credit` in hub_customer is `sat_customer__credit`. A link, drawn as a hexagon, leads "
        "from its driving hub to the hubs it refers to; each has an effectivity satellite `eff_sat_*`, which "
        "says which row is in force. A dashed hub belongs to another area. All columns: "
        "[catalogue](catalogue.md)."
    )
    for schema in schemas(catalog):
        tables = [table for table in catalog.tables if table.schema_name == schema and table.vault]
        if tables:
            yield f"## {area_of(schema)}"
            yield from _area(catalog, models, tables)


def _area(catalog: Catalog, models: Plan, tables: Sequence[Table]) -> Iterator[str]:
    hubs, links, events, topics = _of_area(models, tables)
    referred = {role.hub for link in links for role in link.roles}
    referred |= {role.hub for event in events for role in event.roles}
    if hubs or events:
        lines = ["flowchart LR"]
        lines += [_box(name, topics.get(name, ())) for name in hubs]
        foreign = sorted(referred - set(hubs))
        lines += [f'    {name}["{name}"]:::elsewhere' for name in foreign]
        lines += [f'    {link.name}{{{{"{link.name}"}}}}:::link' for link in links]
        lines += [_box(event.name, topics.get(event.name, ()), "{{", "}}", ":::link") for event in events]
        lines += [f"    {link.driving_hub} --- {link.name}" for link in links]
        lines += list(_arrows(links, events))
        lines.append("    classDef link fill:#fff4d6,stroke:#b8860b,color:#222")
        lines.append("    classDef elsewhere fill:#ffffff,stroke:#888,stroke-dasharray:4 3,color:#555")
        yield "\n".join(["```mermaid", *lines, "```"])
    codes = [table for table in tables if isinstance(table.vault, ReferenceMapping)]
    if codes:
        yield markdown_table(
            ("code list", "source", "description"),
            (
                (
                    code(naming.reference(table.vault.reference)),
                    code(table.qualified),
                    prose(table.description),
                )
                for table in codes
                if isinstance(table.vault, ReferenceMapping)
            ),
        )


def _of_area(
    models: Plan, tables: Sequence[Table]
) -> tuple[list[str], list[LinkModel], list[NonHistorizedLinkModel], dict[str, list[str]]]:
    """Return hubs, links and events of the tables, and the satellite topics by hub or event."""
    hubs: list[str] = []
    topics: dict[str, list[str]] = {}
    names = {table.stage_name for table in tables}
    for table in tables:
        match table.vault:
            case HubMapping() as mapping:
                hubs.append(mapping.parent)
            case NonHistorizedLinkMapping() as mapping:
                hubs += [naming.hub(hub) for hub in mapping.hub_keys.values()]
            case _:
                continue
        held = [satellite.topic for satellite in mapping.satellites]
        status = mapping.status.rpartition("__")[2]
        topics.setdefault(mapping.parent, []).extend([*held, status])
    links = [link for link in models.links if link.stage in names]
    events = [event for event in models.events if event.stage in names]
    return list(dict.fromkeys(hubs)), links, events, topics


def _box(name: str, topics: Iterable[str], left: str = "[", right: str = "]", style: str = "") -> str:
    listed = "<br/>".join(topics)
    text = f"{name}<br/>{listed}" if listed else name
    return f'    {name}{left}"{text}"{right}{style}'


def _arrows(links: Iterable[LinkModel], events: Iterable[NonHistorizedLinkModel]) -> Iterator[str]:
    """Yield one arrow per link and hub, labelled with the roles unless they equal the hub."""
    both: list[LinkModel | NonHistorizedLinkModel] = [*links, *events]
    for link in both:
        ends: dict[str, list[str]] = {}
        for role in link.roles:
            ends.setdefault(role.hub, []).append(role.hash_key.removesuffix("_hk"))
        for hub, roles in ends.items():
            is_obvious = roles == [hub.removeprefix("hub_")]
            label = "" if is_obvious else f'|"{"<br/>".join(roles)}"|'
            yield f"    {link.name} -->{label} {hub}"


def star(marts: Sequence[Mart]) -> Iterator[str]:
    """Yield the page of facts, their dimensions and the roles."""
    facts = [mart for mart in marts if mart.is_fact]
    dimensions = {column.refers_to for fact in facts for column in fact.columns} - {None}
    used = [mart for mart in marts if mart.name in dimensions]
    yield "# Star schema"
    yield "Dimensions of each fact, and the foreign keys:"
    yield markdown_table(
        ("fact", *(code(mart.name) for mart in used)),
        (
            (
                f"[{fact.name}](#{fact.name})",
                *(", ".join(_roles(fact, mart.name)) for mart in used),
            )
            for fact in facts
        ),
    )
    yield markdown_table(
        ("dimension", "description"),
        ((code(mart.name), prose(_first_sentence(mart.description))) for mart in used),
    )
    for fact in facts:
        yield f"## {fact.name}"
        yield prose(fact.description)
        yield "\n".join(["```mermaid", "erDiagram", *_entities(fact), "```"])


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".") + "."


def _roles(fact: Mart, dimension: str) -> list[str]:
    return [column.name for column in fact.columns if column.refers_to == dimension]


def _entities(fact: Mart) -> Iterator[str]:
    for dimension in dict.fromkeys(column.refers_to for column in fact.columns if column.refers_to):
        yield f'    {dimension} ||--o{{ {fact.name} : "{", ".join(_roles(fact, dimension))}"'
    yield f"    {fact.name} {{"
    for number, column in enumerate(fact.columns):
        key = " PK" if number == 0 else " FK" if column.refers_to else ""
        yield f"        {column.type.partition('(')[0]} {column.name}{key}"
    yield "    }"

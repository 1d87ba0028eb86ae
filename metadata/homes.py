"""Where each column of the source lives in the raw vault, or why it has no place there."""

from dataclasses import dataclass

from metadata import naming
from metadata.spec import Catalog, Column, EventMapping, HubMapping, ReferenceMapping, Table


@dataclass(frozen=True)
class Home:
    """The model and column that hold a source column; without them, `reason` tells why."""

    model: str | None
    column: str | None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.model}.{self.column}" if self.model else self.reason


SECRET = Home(None, None, "none: secret, it never leaves the source")
UNMAPPED = Home(None, None, "none: the table has no place in the vault, raw keeps it")


def home(catalog: Catalog, table: Table, column: Column) -> Home:
    """Return the home of a column: a hub's key, a link's hash of it, a satellite, an event or a code list."""
    if column.sensitivity == "secret":
        return SECRET
    match table.vault:
        case HubMapping(link=link) as mapping:
            related = link.columns if link else ()
            keys = {name: Home(mapping.parent, name) for name in table.primary_key}
            relationships = naming.link(link.name) if link else ""
        case EventMapping(columns=related) as mapping:
            keys = {
                name: Home(naming.hub(hub), catalog.hub(hub).business_key[0])
                for name, hub in mapping.brings.items()
            }
            relationships = mapping.parent
        case ReferenceMapping(reference=reference):
            return Home(naming.reference(reference), column.name)
        case _:
            return UNMAPPED
    homes = {name: Home(relationships, naming.hash_key(naming.role(name))) for name in related}
    for satellite in mapping.satellites:
        model = naming.satellite(mapping.concept, satellite.topic)
        homes |= {name: Home(model, name) for name in satellite.columns}
    return (homes | keys).get(column.name, Home(mapping.parent, column.name))

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
    """Return where the vault holds a column: a key, the hash of a link, a satellite or a code list."""
    if column.sensitivity == "secret":
        return SECRET
    match table.vault:
        case HubMapping() | EventMapping() as mapping:
            keys = {name: Home(mapping.parent, name) for name in table.primary_key}
        case ReferenceMapping(reference=reference):
            return Home(naming.reference(reference), column.name)
        case _:
            return UNMAPPED
    link = mapping.link if isinstance(mapping, HubMapping) else None
    homes = {
        name: Home(naming.link(link.name), naming.hash_key(naming.role(name)))
        for name in (link.columns if link else ())
    }
    for satellite in mapping.satellites:
        model = naming.satellite(mapping.concept, satellite.topic)
        homes |= {name: Home(model, name) for name in satellite.columns}
    return (homes | keys)[column.name]

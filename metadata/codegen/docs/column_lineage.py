"""Find the raw vault column that stores a source column."""

from dataclasses import dataclass

from metadata import naming
from metadata.mappings import HubMapping, ReferenceMapping
from metadata.spec import Column, Table


@dataclass(frozen=True)
class Location:
    """Model and column that store a source column, or the reason why there are none."""

    model: str | None
    column: str | None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.model}.{self.column}" if self.model else self.reason


SECRET = Location(None, None, "not stored: secret, never leaves the source")
UNMAPPED = Location(None, None, "not stored: the table is not mapped to the vault, only raw has it")


def location_of(table: Table, column: Column) -> Location:
    """Return where the vault stores a column: a hub, a link, a satellite or a code list."""
    if column.sensitivity == "secret":
        return SECRET
    mapping = table.vault
    if isinstance(mapping, ReferenceMapping):
        return Location(naming.reference(mapping.reference), column.name)
    if mapping is None:
        return UNMAPPED
    locations = {name: Location(mapping.parent, name) for name in table.primary_key}
    if isinstance(mapping, HubMapping) and mapping.link:
        link = naming.link(mapping.link.name)
        locations |= {
            name: Location(link, naming.hash_key(naming.role(name))) for name in mapping.link.columns
        }
    for satellite in mapping.satellites:
        model = naming.satellite(mapping.concept, satellite.topic)
        locations |= {name: Location(model, name) for name in satellite.columns}
    return locations[column.name]

"""Where each column of the source lives in the raw vault, or why it has no place there."""

from dataclasses import dataclass

from metadata import naming
from metadata.mappings import HubMapping, ReferenceMapping
from metadata.spec import Column, Table


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


def home(table: Table, column: Column) -> Home:
    """Return where the vault holds a column: a key, the hash of a link, a satellite or a code list."""
    if column.sensitivity == "secret":
        return SECRET
    mapping = table.vault
    if isinstance(mapping, ReferenceMapping):
        return Home(naming.reference(mapping.reference), column.name)
    if mapping is None:
        return UNMAPPED
    homes = {name: Home(mapping.parent, name) for name in table.primary_key}
    if isinstance(mapping, HubMapping) and mapping.link:
        link = naming.link(mapping.link.name)
        homes |= {name: Home(link, naming.hash_key(naming.role(name))) for name in mapping.link.columns}
    for satellite in mapping.satellites:
        model = naming.satellite(mapping.concept, satellite.topic)
        homes |= {name: Home(model, name) for name in satellite.columns}
    return homes[column.name]

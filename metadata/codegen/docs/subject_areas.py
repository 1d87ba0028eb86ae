"""Subject areas that group the source tables on docs pages."""

from metadata.spec import Catalog

AREAS = {
    "sales": "Sales",
    "purchasing": "Purchasing",
    "warehouse": "Warehouse",
    "application": "People, places and settings",
}


def area_of(schema: str) -> str:
    return AREAS.get(schema, schema.replace("_", " ").capitalize())


def schemas(catalog: Catalog) -> list[str]:
    found = {table.schema_name for table in catalog.tables}
    return sorted(found, key=lambda schema: (list(AREAS).index(schema) if schema in AREAS else 99, schema))

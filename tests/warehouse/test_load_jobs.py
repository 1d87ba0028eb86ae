"""A load job gets the types of its columns, so that BigQuery does not guess them from the file."""

from google.cloud.bigquery import PolicyTagList, SchemaField

from warehouse.load_jobs import explicit_schema

AT = SchemaField("at", "DATETIME", description="When.", policy_tags=PolicyTagList(["a tag"]))
PRICE = SchemaField("price", "NUMERIC", mode="REQUIRED", precision=18, scale=2)
LATER = SchemaField("later", "STRING")


def test_types_are_those_of_the_table_to_the_digit() -> None:
    told = {field.name: field.to_api_repr() for field in explicit_schema([AT, PRICE], ["price", "at"])}
    assert told["at"]["type"] == "DATETIME"
    assert (told["price"]["precision"], told["price"]["scale"]) == (18, 2)
    assert told["price"]["mode"] == "REQUIRED"


def test_columns_that_the_file_lacks_are_left_out() -> None:
    assert [field.name for field in explicit_schema([AT, LATER], ["at"])] == ["at"]


def test_descriptions_and_policy_tags_are_left_to_the_table() -> None:
    (told,) = explicit_schema([AT], ["at"])
    assert not {"description", "policyTags"} & told.to_api_repr().keys()

"""Test that a load job has a schema, so that BigQuery does not infer it from the file."""

from google.cloud.bigquery import PolicyTagList, SchemaField

from warehouse.load_jobs import explicit_schema

AT = SchemaField("at", "DATETIME", description="When.", policy_tags=PolicyTagList(["a tag"]))
PRICE = SchemaField("price", "NUMERIC", mode="REQUIRED", precision=18, scale=2)
LATER = SchemaField("later", "STRING")


def test_types_equal_those_of_the_table_with_precision() -> None:
    findings = {field.name: field.to_api_repr() for field in explicit_schema([AT, PRICE], ["price", "at"])}
    assert findings["at"]["type"] == "DATETIME"
    assert (findings["price"]["precision"], findings["price"]["scale"]) == (18, 2)
    assert findings["price"]["mode"] == "REQUIRED"


def test_columns_missing_in_the_file_are_left_out() -> None:
    assert [field.name for field in explicit_schema([AT, LATER], ["at"])] == ["at"]


def test_the_job_schema_has_no_descriptions_and_policy_tags() -> None:
    (findings,) = explicit_schema([AT], ["at"])
    assert not {"description", "policyTags"} & findings.to_api_repr().keys()

"""Test the plan: least privilege, and all personal data protected."""

import pytest

from config.errors import PermanentError
from config.settings import Settings
from metadata.spec import Catalog
from warehouse.setup import plan, rights
from warehouse.setup.resources import (
    Dataset,
    Grant,
    Mask,
    PolicyTag,
    ProjectAccess,
    RowPolicy,
    ServiceAccount,
    Table,
)

TAG = "projects/shop-project/locations/eu/taxonomies/7/policyTags/8"
SETTINGS = Settings(
    target="bigquery",
    bigquery_project="shop-project",
    bigquery_location="EU",
    personal_readers="group:privacy@example.com,user:dpo@example.com",
    _env_file=None,
)


def dataset(layer: str) -> Dataset:
    name = f"shop-project.wwi_{layer}"
    return next(each for each in plan.foundation(SETTINGS) if isinstance(each, Dataset) and each.name == name)


def access() -> dict[str, dict[str, str]]:
    """Return account -> dataset -> role."""
    found: dict[str, dict[str, str]] = {}
    for each in plan.foundation(SETTINGS):
        if isinstance(each, Dataset):
            for grant in each.grants:
                work = grant.member.split("@")[0]
                found.setdefault(work, {})[each.name.partition(".wwi_")[2]] = grant.role
    return found


def test_each_account_has_access_only_to_the_datasets_it_needs() -> None:
    assert access() == {
        "wwi-loader": {"raw": "WRITER", "audit": "WRITER"},
        "wwi-transformer": {
            "raw": "READER",
            "staging": "WRITER",
            "raw_vault": "WRITER",
            "business_vault": "WRITER",
            "marts": "WRITER",
            "audit": "WRITER",
        },
        "wwi-reader": {"marts": "READER"},
    }


def test_all_accounts_run_jobs_and_writing_accounts_set_tags() -> None:
    [project] = [each for each in plan.foundation(SETTINGS) if isinstance(each, ProjectAccess)]
    held: dict[str, set[str]] = {}
    for grant in project.grants:
        held.setdefault(grant.member.partition(":")[2].split("@")[0], set()).add(grant.role)
    tagger = "projects/shop-project/roles/wwi_policy_tagger"
    assert held == {
        "wwi-loader": {"roles/bigquery.jobUser", tagger},
        "wwi-transformer": {"roles/bigquery.jobUser", tagger},
        "wwi-reader": {"roles/bigquery.jobUser"},
    }


def test_no_account_may_change_or_share_a_dataset() -> None:
    granted = {role for roles in access().values() for role in roles.values()}
    assert granted == {"READER", "WRITER"}
    assert rights.tagger(SETTINGS).permissions == {
        "bigquery.tables.setCategory",
        "datacatalog.taxonomies.get",
    }


def test_views_of_the_marts_may_read_the_vault_and_the_ledger_but_not_raw() -> None:
    shared = {each for each in rights.LAYERS if dataset(each).authorised == ("wwi_marts",)}
    assert shared == {"raw_vault", "business_vault", "audit"}


def test_datasets_have_location_and_labels_and_only_staging_expires() -> None:
    for layer in rights.LAYERS:
        found = dataset(layer)
        assert found.location == "EU"
        assert dict(found.labels) == {"app": "wwi", "layer": layer}
        assert found.table_expiration_ms == (30 * 86_400_000 if layer == "staging" else None)


def test_exactly_the_personal_columns_have_the_policy_tag(catalog: Catalog) -> None:
    personal = {
        (table.raw_name, column.name)
        for table in catalog.tables
        for column in table.loaded_columns
        if column.is_personal
    }
    tagged = {
        (each.name.rsplit(".", 1)[1], field.name)
        for each in plan.protected(SETTINGS, catalog, TAG)
        if isinstance(each, Table)
        for field in each.layout.schema
        if field.policy_tags
    }
    assert ("application__people", "full_name") in tagged
    # their values can come from any column
    anything = {("erasing", "value")}
    anything |= {("rejected_values", "key"), ("rejected_values", "value")}
    anything |= {("test_failures", "row_key"), ("test_failures", "value")}
    assert tagged == personal | anything


def test_the_reader_gets_masked_values_and_other_accounts_real_ones(catalog: Catalog) -> None:
    [tag] = [each for each in plan.foundation(SETTINGS) if isinstance(each, PolicyTag)]
    [mask] = [each for each in plan.protected(SETTINGS, catalog, TAG) if isinstance(each, Mask)]
    end = "@shop-project.iam.gserviceaccount.com"
    assert {grant.member for grant in tag.grants} == {
        f"serviceAccount:wwi-loader{end}",
        f"serviceAccount:wwi-transformer{end}",
        "group:privacy@example.com",
        "user:dpo@example.com",
    }
    assert {grant.member for grant in mask.grants} == {f"serviceAccount:wwi-reader{end}"}
    assert (tag.parent, mask.policy_tag) == ("projects/shop-project/locations/eu", TAG)


def test_a_personal_reader_gets_no_masking(catalog: Catalog) -> None:
    reader = rights.accounts(SETTINGS)["reader"].member
    settings = SETTINGS.model_copy(update={"personal_readers": reader})
    [mask] = [each for each in plan.protected(settings, catalog, TAG) if isinstance(each, Mask)]
    assert mask.grants == frozenset()
    assert Grant(rights.FINE_GRAINED_READER, reader) in plan.policy_tag(settings).grants


def test_rows_of_personal_satellites_are_visible_only_to_authorized_accounts(
    catalog: Catalog,
) -> None:
    policies = [each for each in plan.protected(SETTINGS, catalog, TAG) if isinstance(each, RowPolicy)]
    assert {each.name.rsplit(".", 1)[1] for each in policies} == {
        "sat_customer__personal",
        "sat_invoice__personal",
        "sat_order__personal",
        "sat_person__logon",
        "sat_person__personal",
        "sat_purchase_order__personal",
        "sat_supplier__personal",
        "sat_system_parameter__personal",
        "sat_vehicle_temperature__personal",
    }
    transformer = "serviceAccount:wwi-transformer@shop-project.iam.gserviceaccount.com"
    for each in policies:
        assert each.members == {transformer, "group:privacy@example.com", "user:dpo@example.com"}


def test_underscores_of_the_prefix_become_dashes_in_account_names() -> None:
    settings = SETTINGS.model_copy(update={"dataset_prefix": "wwi_test"})
    names = [each.account_id for each in plan.foundation(settings) if isinstance(each, ServiceAccount)]
    assert names == ["wwi-test-loader", "wwi-test-transformer", "wwi-test-reader"]


def test_a_prefix_too_long_for_an_account_is_refused() -> None:
    settings = SETTINGS.model_copy(update={"dataset_prefix": "a" * 19})
    with pytest.raises(PermanentError, match="31 characters, but Google allows 6 to 30"):
        plan.foundation(settings)


@pytest.mark.parametrize("readers", ["privacy@example.com", "group:a@b.c,", "group:a@b.c, user:d@e.f"])
def test_a_personal_reader_without_a_kind_is_refused(readers: str) -> None:
    with pytest.raises(PermanentError, match="WWI_PERSONAL_READERS"):
        Settings(personal_readers=readers, _env_file=None)

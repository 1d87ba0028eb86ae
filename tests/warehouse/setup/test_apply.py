"""Test the setup with fakes of Google's APIs: create, correct drift, keep other resources, report errors."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import grpc
import pytest
from google.cloud.iam_admin_v1 import ServiceAccount
from google.cloud.service_usage_v1 import ServiceUsageClient
from google.cloud.service_usage_v1.services.service_usage.transports import ServiceUsageGrpcTransport
from google.iam.v1 import policy_pb2
from google.type import expr_pb2

from config.errors import PermanentError, TransientError
from config.settings import Settings
from metadata.spec import Catalog
from tests.warehouse.setup.conftest import PROJECT, Cloud
from warehouse.setup.apply import set_up
from warehouse.setup.clients import connect
from warehouse.setup.plan import APIS
from warehouse.setup.resources import Step

RAW = f"{PROJECT}.wwi_raw"
PEOPLE = f"{RAW}.application__people"
MARTS = f"{PROJECT}.wwi_marts"
SATELLITE = f"{PROJECT}.wwi_raw_vault.sat_person__personal"
RESOURCE = f"projects/{PROJECT}"
READER = "roles/datacatalog.categoryFineGrainedReader"


@pytest.fixture
def ready(cloud: Cloud) -> Cloud:
    """Return a project after the setup."""
    cloud.set_up(dry_run=False)
    cloud.state.writes.clear()
    return cloud


def built(cloud: Cloud) -> None:
    """Create the personal satellites, as the first build does."""
    for step in cloud.set_up(dry_run=True).steps:
        if step.kind == "row policy":
            names = zip(("projectId", "datasetId", "tableId"), step.name.split("."), strict=True)
            cloud.state.tables[step.name] = {"tableReference": dict(names), "etag": "1"}


def entries(cloud: Cloud, dataset: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.state.datasets[dataset]["access"]
    return found


def test_the_first_run_creates_everything_and_the_second_changes_nothing(
    cloud: Cloud, catalog: Catalog
) -> None:
    first = cloud.set_up()
    assert {step.action for step in first.steps} == {"create", "change", "later"}
    assert cloud.state.enabled == set(APIS)
    assert sorted(cloud.state.accounts) == [cloud.email(work) for work in ("loader", "reader", "transformer")]
    assert len(cloud.state.datasets) == 6
    assert {f"{RAW}.{table.raw_name}" for table in catalog.tables} < set(cloud.state.tables)

    cloud.state.writes.clear()
    second = cloud.set_up()
    assert second.pending == ()
    assert cloud.state.writes == []


def test_a_dry_run_of_an_empty_project_lists_every_step_and_writes_nothing(cloud: Cloud) -> None:
    dry = cloud.set_up(dry_run=True)
    assert cloud.state.writes == []
    assert cloud.state.enabled == set()
    assert dry.policy_tag is None
    wet = cloud.set_up()
    assert [(step.kind, step.name) for step in wet.steps] == [(step.kind, step.name) for step in dry.steps]
    assert {step.action for step in dry.steps} == {"create", "change", "later"}


def test_a_dry_run_of_a_drifted_project_writes_nothing(ready: Cloud) -> None:
    ready.state.datasets[MARTS]["description"] = "something else"
    assert [step.name for step in ready.set_up(dry_run=True).pending] == [MARTS]
    assert ready.state.writes == []


def test_a_dataset_is_not_open_to_every_viewer_of_the_project(ready: Cloud) -> None:
    for dataset in ready.state.datasets:
        groups = {entry["specialGroup"] for entry in entries(ready, dataset) if "specialGroup" in entry}
        assert groups == {"projectOwners"}


def test_the_reader_can_read_only_the_marts(ready: Cloud) -> None:
    readable = {
        name: entry["role"]
        for name in ready.state.datasets
        for entry in entries(ready, name)
        if entry.get("userByEmail") == ready.email("reader")
    }
    assert readable == {MARTS: "READER"}
    member = f"serviceAccount:{ready.email('reader')}"
    roles = {role for role, members in ready.state.bindings(RESOURCE).items() if member in members}
    assert roles == {"roles/bigquery.jobUser"}
    [tag] = ready.state.tags
    assert member not in ready.state.bindings(tag)[READER]


def test_raw_tables_are_partitioned_clustered_and_tagged(ready: Cloud) -> None:
    people = ready.state.tables[PEOPLE]
    assert people["timePartitioning"]["field"] == "load_dts"
    assert people["clustering"] == {"fields": ["person_id"]}
    [tag] = ready.state.tags
    tagged = {field["name"] for field in people["schema"]["fields"] if "policyTags" in field}
    assert {"full_name", "email_address", "photo"} <= tagged
    assert "person_id" not in tagged
    [mask] = ready.state.masks.values()
    assert (mask.policy_tag, mask.data_masking_policy.predefined_expression.name) == (tag, "ALWAYS_NULL")


def test_the_report_shows_the_policy_tag_until_it_is_in_the_settings(ready: Cloud) -> None:
    [tag] = ready.state.tags
    report = ready.set_up()
    assert (report.policy_tag, report.policy_tag_is_set) == (tag, False)
    assert ready.set_up(personal_policy_tag=tag).policy_tag_is_set


def _relabel(cloud: Cloud) -> None:
    cloud.state.datasets[RAW]["labels"]["layer"] = "staging"


def _expire(cloud: Cloud) -> None:
    cloud.state.datasets[RAW]["defaultTableExpirationMs"] = "3600000"


def _open_raw_to_the_reader(cloud: Cloud) -> None:
    entries(cloud, RAW).append({"role": "READER", "userByEmail": cloud.email("reader")})


def _promote_the_loader(cloud: Cloud) -> None:
    for entry in entries(cloud, RAW):
        if entry.get("userByEmail") == cloud.email("loader"):
            entry["role"] = "OWNER"


def _withdraw_the_views(cloud: Cloud) -> None:
    name = f"{PROJECT}.wwi_raw_vault"
    cloud.state.datasets[name]["access"] = [each for each in entries(cloud, name) if "dataset" not in each]


def _make_the_reader_editor(cloud: Cloud) -> None:
    members = [f"serviceAccount:{cloud.email('reader')}"]
    cloud.state.policy(RESOURCE).bindings.add(role="roles/editor", members=members)


def _take_a_role(cloud: Cloud) -> None:
    for binding in cloud.state.policy(RESOURCE).bindings:
        if binding.role == "roles/bigquery.jobUser":
            binding.members.remove(f"serviceAccount:{cloud.email('loader')}")


def _widen_the_role(cloud: Cloud) -> None:
    [role] = cloud.state.roles.values()
    role.included_permissions = [*role.included_permissions, "bigquery.datasets.update"]


def _delete_the_role(cloud: Cloud) -> None:
    [role] = cloud.state.roles.values()
    role.deleted = True


def _rename_an_account(cloud: Cloud) -> None:
    cloud.state.accounts[cloud.email("reader")].display_name = "x"


def _switch_off_an_api(cloud: Cloud) -> None:
    cloud.state.enabled.remove("bigquerydatapolicy.googleapis.com")


def _stop_enforcing(cloud: Cloud) -> None:
    [taxonomy] = cloud.state.taxonomies.values()
    taxonomy.activated_policy_types = []


def _show_the_reader_all(cloud: Cloud) -> None:
    [tag] = cloud.state.tags
    cloud.state.policy(tag).bindings.add(role=READER, members=[f"serviceAccount:{cloud.email('reader')}"])


def _weaken_the_mask(cloud: Cloud) -> None:
    [mask] = cloud.state.masks.values()
    mask.data_masking_policy = {"predefined_expression": "SHA256"}


def _hide_the_mask(cloud: Cloud) -> None:
    [mask] = cloud.state.masks
    del cloud.state.policy(mask).bindings[:]


def _untag_a_column(cloud: Cloud) -> None:
    for column in cloud.state.tables[PEOPLE]["schema"]["fields"]:
        if column["name"] == "full_name":
            del column["policyTags"]


def _drop_a_table(cloud: Cloud) -> None:
    del cloud.state.tables[PEOPLE]


def _show_rows_to_a_stranger(cloud: Cloud) -> None:
    cloud.state.row_policies[SATELLITE]["members"].append("user:stranger@example.com")


def _show_some_rows(cloud: Cloud) -> None:
    cloud.state.row_policies[SATELLITE]["filter"] = "person_hk is null"


DRIFTS: list[tuple[Callable[[Cloud], None], str, str]] = [
    (_relabel, RAW, "label layer is staging"),
    (_expire, RAW, "tables expire after 3600000 ms"),
    (_open_raw_to_the_reader, RAW, "revoke READER for wwi-reader"),
    (_promote_the_loader, RAW, "revoke OWNER for wwi-loader"),
    (_withdraw_the_views, f"{PROJECT}.wwi_raw_vault", "grant views of wwi_marts"),
    (_make_the_reader_editor, RESOURCE, "revoke roles/editor from serviceAccount:wwi-reader"),
    (_take_a_role, RESOURCE, "grant roles/bigquery.jobUser to serviceAccount:wwi-loader"),
    (_widen_the_role, f"{RESOURCE}/roles/wwi_policy_tagger", "unplanned bigquery.datasets.update"),
    (_delete_the_role, f"{RESOURCE}/roles/wwi_policy_tagger", "deleted"),
    (_rename_an_account, f"wwi-reader@{PROJECT}.iam.gserviceaccount.com", "display_name 'x'"),
    (_switch_off_an_api, "bigquerydatapolicy.googleapis.com", ""),
    (_stop_enforcing, "wwi_personal/personal", "not enforced"),
    (_show_the_reader_all, "wwi_personal/personal", f"revoke {READER} from serviceAccount:wwi-reader"),
    (_weaken_the_mask, f"{RESOURCE}/locations/eu/dataPolicies/wwi_personal", "masks with SHA256"),
    (_hide_the_mask, f"{RESOURCE}/locations/eu/dataPolicies/wwi_personal", "grant roles/bigquerydatapolicy"),
    (_untag_a_column, PEOPLE, "policy tag of full_name"),
    (_drop_a_table, PEOPLE, ""),
    (_show_rows_to_a_stranger, SATELLITE, "revoke from user:stranger@example.com"),
    (_show_some_rows, SATELLITE, "filter person_hk is null"),
]


@pytest.mark.parametrize(("drift", "name", "detail"), DRIFTS, ids=[each[0].__name__ for each in DRIFTS])
def test_drift_is_reported_and_corrected(
    ready: Cloud, drift: Callable[[Cloud], None], name: str, detail: str
) -> None:
    built(ready)
    ready.set_up()
    drift(ready)
    [step] = ready.set_up().pending
    assert step.name == name
    assert detail in step.detail
    assert ready.set_up().pending == ()


def test_access_labels_and_bindings_of_others_are_kept(ready: Cloud) -> None:
    condition = expr_pb2.Expr(
        title="until 2030", expression="request.time < timestamp('2030-01-01T00:00:00Z')"
    )
    owner = policy_pb2.Binding(role="roles/owner", members=["user:owner@example.com"])
    temporary = policy_pb2.Binding(
        role="roles/bigquery.jobUser", members=["user:guest@example.com"], condition=condition
    )
    other_work = policy_pb2.Binding(
        role="roles/storage.objectViewer", members=[f"serviceAccount:{ready.email('loader')}"]
    )
    _take_a_role(ready)
    policy = ready.state.policy(RESOURCE)
    policy.version = 3
    policy.bindings.extend([owner, temporary, other_work])
    foreign = {"role": "READER", "groupByEmail": "analysts@example.com"}
    entries(ready, MARTS).append(foreign)
    ready.state.datasets[MARTS]["labels"]["cost_centre"] = "42"
    ready.state.datasets[MARTS]["description"] = "drifted, so that it is written"

    ready.set_up()

    assert foreign in entries(ready, MARTS)
    assert ready.state.datasets[MARTS]["labels"] == {"app": "wwi", "layer": "marts", "cost_centre": "42"}
    kept = list(ready.state.policy(RESOURCE).bindings)
    assert owner in kept
    assert temporary in kept
    assert other_work in kept


def test_a_policy_changed_concurrently_is_read_again(ready: Cloud) -> None:
    _take_a_role(ready)
    reads = iter(range(2))

    def interfere() -> None:
        if next(reads) == 0:  # the first read is for the comparison, the second is written back
            ready.state.meanwhile = interfere
            return
        policy = ready.state.policy(RESOURCE)
        policy.bindings.add(role="roles/viewer", members=["user:new@example.com"])
        policy.etag = b"somebody else's"

    ready.state.meanwhile = interfere
    ready.set_up()
    bindings = ready.state.bindings(RESOURCE)
    assert bindings["roles/viewer"] == {"user:new@example.com"}
    assert f"serviceAccount:{ready.email('loader')}" in bindings["roles/bigquery.jobUser"]


def test_setup_waits_until_a_new_account_is_visible(cloud: Cloud) -> None:
    cloud.state.unknown_for = 2
    cloud.set_up()
    assert cloud.state.unknown_for == 0
    assert (
        f"serviceAccount:{cloud.email('loader')}" in cloud.state.bindings(RESOURCE)["roles/bigquery.jobUser"]
    )


def test_row_policies_are_created_after_the_first_build(ready: Cloud) -> None:
    waiting = [step for step in ready.set_up().steps if step.kind == "row policy"]
    assert {(step.action, step.detail) for step in waiting} == {
        ("later", "the table does not exist; run again after the first build")
    }
    built(ready)
    report = ready.set_up(personal_readers="group:privacy@example.com")
    assert [step.action for step in report.steps if step.kind == "row policy"] == ["create"] * len(waiting)
    assert set(ready.state.row_policies[SATELLITE]["members"]) == {
        "group:privacy@example.com",
        f"serviceAccount:{ready.email('transformer')}",
    }


def test_a_dataset_in_another_location_is_reported_and_not_changed(ready: Cloud) -> None:
    with pytest.raises(PermanentError, match=r"wwi_marts is in EU, not in US.*WWI_BIGQUERY_LOCATION=EU"):
        ready.set_up(bigquery_location="US")
    assert ready.state.writes == []


@pytest.mark.parametrize(
    ("call", "role"),
    [
        ("EnableService", "roles/serviceusage.serviceUsageAdmin"),
        ("CreateServiceAccount", "roles/iam.serviceAccountAdmin"),
        ("CreateRole", "roles/iam.roleAdmin"),
        ("SetIamPolicy", "roles/resourcemanager.projectIamAdmin"),
        ("insert_dataset", "roles/bigquery.admin"),
        ("CreateTaxonomy", "roles/datacatalog.categoryAdmin"),
        ("CreateDataPolicy", "roles/bigquerydatapolicy.admin"),
    ],
)
def test_a_missing_permission_is_reported_with_the_command_that_grants_it(
    cloud: Cloud, call: str, role: str
) -> None:
    cloud.state.denied = {call}
    with pytest.raises(PermanentError) as refused:
        cloud.set_up()
    assert f"add-iam-policy-binding {PROJECT} --member=user:YOU --role={role}" in str(refused.value)
    cloud.state.denied = set()
    cloud.set_up()
    assert cloud.set_up().pending == ()


@pytest.mark.parametrize("api", ["datacatalog.googleapis.com", "bigquery.googleapis.com"])
def test_a_disabled_api_is_reported_with_the_command_that_enables_it(
    ready: Cloud, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.setup.plan.APIS", ())
    ready.state.enabled.remove(api)
    with pytest.raises(PermanentError, match=f"gcloud services enable {api} --project={PROJECT}"):
        ready.set_up()


def test_an_unreachable_google_api_is_a_transient_error(cloud: Cloud) -> None:
    unreachable = grpc.insecure_channel("127.0.0.1:9")  # the discard port, where nothing answers
    services = ServiceUsageClient(transport=ServiceUsageGrpcTransport(channel=unreachable))
    with pytest.raises(TransientError, match="cannot be reached"):
        set_up(replace(cloud.clients, services=services), cloud.settings, cloud.catalog, dry_run=True)


def test_a_local_target_is_refused_with_the_missing_settings() -> None:
    with pytest.raises(PermanentError, match="WWI_TARGET=bigquery, WWI_BIGQUERY_PROJECT"):
        connect(Settings(_env_file=None))


def test_an_existing_account_of_the_same_name_is_used(cloud: Cloud) -> None:
    cloud.set_up()
    cloud.state.accounts[cloud.email("reader")] = ServiceAccount(
        name=f"{RESOURCE}/serviceAccounts/{cloud.email('reader')}", email=cloud.email("reader")
    )
    [step] = cloud.set_up().pending
    assert isinstance(step, Step)
    assert step.action == "change"
    assert cloud.set_up().pending == ()


def test_the_report_can_be_written_as_json(ready: Cloud) -> None:
    parsed = json.loads(json.dumps(asdict(ready.set_up(dry_run=True))))
    assert parsed["dry_run"] is True
    assert {"action": "fine", "kind": "dataset", "name": MARTS, "detail": ""} in parsed["steps"]

"""Test that errors are classified with a fix, and that reads are retried and writes are not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.cloud.bigquery import Client

from config.errors import ConcurrentWriteError, MissingInWarehouseError, PermanentError, TransientError
from config.settings import Settings
from metadata.errors import WwiError
from tests.loopback import ROWS, Answer, answering, job, refusal
from warehouse import load_jobs, queries
from warehouse.client import connect
from warehouse.load_jobs import find_load_job
from warehouse.queries import READ_RETRY, dry_run, execute, only_reads, query

WRITE = "update d.t set n = 1 where true"
READ = "select n from d.t"


def client_of(url: str, home: Path) -> Client:
    return connect(Settings(home=home, warehouse_url=url, _env_file=None))


CASES = [
    (403, "rateLimitExceeded", TransientError, "busy .rateLimitExceeded"),
    (403, "jobRateLimitExceeded", TransientError, "busy"),
    (429, "rateLimitExceeded", TransientError, "busy"),
    (500, "backendError", TransientError, "busy"),
    (503, "backendError", TransientError, "busy"),
    (500, "internalError", TransientError, "busy"),
    (502, None, TransientError, "cannot be reached"),
    (503, None, TransientError, "cannot be reached"),
    (504, None, TransientError, "cannot be reached"),
    (403, "quotaExceeded", PermanentError, "Wait until the quota is replenished"),
    (403, "accessDenied", PermanentError, "Grant the account the missing role"),
    (403, None, PermanentError, "Grant the account the missing role"),
    (403, "billingNotEnabled", PermanentError, "the reason why"),
    (400, "invalidQuery", PermanentError, "the reason why"),
    (500, "bytesBilledLimitExceeded", PermanentError, "WWI_MAXIMUM_BYTES_BILLED"),
    (404, "notFound", MissingInWarehouseError, "the reason why"),
]


@pytest.mark.parametrize(("status", "reason", "kind", "text"), CASES)
def test_errors_are_classified_as_transient_or_permanent(
    status: int, reason: str | None, kind: type[WwiError], text: str, tmp_path: Path
) -> None:
    with answering([refusal(status, reason)]) as (url, asked):
        with pytest.raises(kind, match=text) as caught:
            execute(client_of(url, tmp_path), WRITE)
        assert type(caught.value) is kind
        assert asked == ["POST /bigquery/v2/projects/wwi-local/jobs"], "a write must not be retried"


@pytest.mark.parametrize(
    "message",
    [
        "Could not serialize access to table p:d.t due to concurrent update",
        "Transaction is aborted due to concurrent update against table p:d.t",
        "Resources exceeded during query execution: Too many DML statements outstanding against table p:d.t",
    ],
)
def test_a_concurrent_write_conflict_has_its_own_error(message: str, tmp_path: Path) -> None:
    failed = job({"reason": "invalidQuery", "message": message})
    with (
        answering([failed]) as (url, asked),
        pytest.raises(ConcurrentWriteError, match="Another statement changed the table at the same time"),
    ):
        execute(client_of(url, tmp_path), WRITE)
    assert len([each for each in asked if each.startswith("POST")]) == 1


@pytest.mark.parametrize("reason", ["backendError", "rateLimitExceeded", "jobBackendError"])
def test_a_write_with_a_transient_error_is_not_retried(reason: str, tmp_path: Path) -> None:
    failed = job({"reason": reason, "message": "the reason why"})
    with answering([failed]) as (url, asked), pytest.raises(TransientError, match=f"busy .{reason}"):
        execute(client_of(url, tmp_path), WRITE)
    assert len([each for each in asked if each.startswith("POST")]) == 1


@pytest.mark.parametrize(
    "busy", [refusal(403, "rateLimitExceeded"), refusal(503, "backendError"), refusal(502, None)]
)
def test_a_read_is_retried_when_bigquery_is_busy(busy: Answer, tmp_path: Path) -> None:
    with answering([busy, busy, job(), ROWS]) as (url, asked):
        assert query(client_of(url, tmp_path), READ) == [{"n": 7}]
    assert len([each for each in asked if each.startswith("POST")]) == 3


def test_a_read_fails_if_bigquery_stays_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "READ_RETRY", READ_RETRY.with_timeout(1))
    with (
        answering([refusal(403, "rateLimitExceeded")]) as (url, asked),
        pytest.raises(TransientError, match="rateLimitExceeded"),
    ):
        query(client_of(url, tmp_path), READ)
    assert len(asked) > 1


def test_a_read_with_a_permanent_error_is_not_retried(tmp_path: Path) -> None:
    with answering([refusal(403, "accessDenied")]) as (url, asked), pytest.raises(PermanentError):
        query(client_of(url, tmp_path), READ)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select 1", True),
        ("  WITH a as (select 1) select * from a;\n", True),
        ("update d.t set n = 1 where true", False),
        ("insert into d.t select 1", False),
        ("select 1; drop table d.t", False),
        ("begin select 1; end", False),
        ("selected()", False),
        ("call p()", False),
    ],
)
def test_only_statements_that_certainly_read_are_retried(sql: str, reads: bool) -> None:
    assert only_reads(sql) is reads


def test_a_load_job_with_a_transient_error_counts_as_failed(tmp_path: Path) -> None:
    """The job stays failed, so the next attempt needs a new job id."""
    status, content = job({"reason": "rateLimitExceeded", "message": "too many table update operations"})
    content["configuration"] = {"jobType": "LOAD", "load": {}}
    content["statistics"] = {}
    settings = Settings(home=tmp_path, _env_file=None)
    with answering([(status, content)]) as (url, _):
        found = find_load_job(client_of(url, tmp_path), settings, "job")
    assert (found.state, found.error) == ("failed", "too many table update operations")


def test_a_load_job_lookup_without_an_answer_leaves_the_job_state_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_jobs, "READ_RETRY", READ_RETRY.with_timeout(0.5))
    settings = Settings(home=tmp_path, _env_file=None)
    with answering([refusal(503, "backendError")]) as (url, _), pytest.raises(TransientError):
        find_load_job(client_of(url, tmp_path), settings, "job")


def test_many_reads_share_one_client(tmp_path: Path) -> None:
    with answering([refusal(404, "notFound")]) as (url, asked), ThreadPoolExecutor(8) as pool:
        client = client_of(url, tmp_path)
        asking = [pool.submit(dry_run, client, READ) for _ in range(40)]
        assert all(isinstance(each.exception(30), MissingInWarehouseError) for each in asking)
    assert len(asked) == 40

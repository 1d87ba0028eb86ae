"""Test the setup's only SQL statement with Google's analyzer."""

import pytest

from tests.googlesql.analyzer import Analyzer, RefusedError, column
from warehouse.setup.datasets import row_policy_statement
from warehouse.setup.resources import RowPolicy

TABLE = ("shop-project", "wwi_raw_vault", "sat_person__personal")
POLICY = RowPolicy(".".join(TABLE), "wwi_personal", frozenset({"group:a@example.com", "user:b@example.com"}))


@pytest.fixture
def analyzer() -> Analyzer:
    """Return an analyzer with only this table."""
    made = Analyzer()
    made.tables[TABLE] = (column("person_hk", "BYTES"),)
    return made


def test_the_statement_is_a_row_access_policy(analyzer: Analyzer) -> None:
    [statement] = analyzer.analyze(row_policy_statement(POLICY))
    assert statement.kind == "CreateRowAccessPolicy"


def test_an_invalid_filter_is_refused(analyzer: Analyzer) -> None:
    wrong = row_policy_statement(POLICY).replace("(true)", "(person_hk)")
    with pytest.raises(RefusedError, match="should return type BOOL"):
        analyzer.analyze(wrong)

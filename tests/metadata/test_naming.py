"""Names follow one pattern per kind, and are unique."""

import re

from hypothesis import given
from hypothesis import strategies as st

from metadata import naming

words = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)


def test_the_naming_patterns() -> None:
    assert naming.hub("customer") == "hub_customer"
    assert naming.link("customer_account") == "link_customer_account"
    assert naming.effectivity("customer_account") == "eff_sat_customer_account"
    assert naming.satellite("customer", "credit") == "sat_customer__credit"
    assert naming.reference_status("color") == "ref_color__status"
    assert naming.status_stage("customers") == "stg_wwi__customers__status"
    assert naming.record_source("sales", "customers") == "wwi.sales.customers"
    assert naming.hash_key(naming.role("bill_to_customer_id")) == "bill_to_customer_hk"


@given(words, words, words, words)
def test_a_satellite_name_separates_concept_and_topic(a: str, b: str, c: str, d: str) -> None:
    assert (naming.satellite(a, b) == naming.satellite(c, d)) == ((a, b) == (c, d))


@given(words)
def test_model_names_are_unique_and_lower_snake_case(word: str) -> None:
    names = [
        naming.stage(word),
        naming.status_stage(word),
        naming.hub(word),
        naming.link(word),
        naming.effectivity(word),
        naming.satellite(word, naming.STATUS),
        naming.reference(word),
        naming.reference_status(word),
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


@given(words)
def test_a_role_is_the_column_without_its_ending(word: str) -> None:
    assert naming.role(f"{word}_id") == word

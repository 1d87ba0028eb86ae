"""A person to erase: the name is inserted in many places of the source and removed again."""

from typing import Any, NamedTuple

import psycopg


class Person(NamedTuple):
    """Key and name of a person in the source."""

    key: int
    name: str


# a customer's contact who has received goods
CHOSEN = """
select people.person_id, people.full_name
from application.people
inner join sales.customers on customers.primary_contact_person_id = people.person_id
inner join sales.invoices on invoices.confirmed_received_by = people.full_name
where
    people.full_name ~ '^[A-Za-z]{3,} [A-Za-z]{3,}$'
    and 1 = (select count(*) from application.people as other where other.full_name = people.full_name)
group by people.person_id, people.full_name
order by count(*) desc, people.person_id limit 1
"""
# columns where no name of a person is expected
INSERTS = (
    "update purchasing.suppliers set supplier_name = %(name)s where supplier_id = 3",
    "update sales.orders set internal_comments = 'Ask ' || %(name)s || ', twice.' where order_id = 3",
    "update application.delivery_methods set delivery_method_name = %(name)s || '''s van' "
    "where delivery_method_id = 9",
)
# changes that `wwi erase person` asks for
REMOVALS = (
    "update purchasing.suppliers set supplier_name = '[erased]' where supplier_id = 3",
    "update sales.orders set internal_comments = '[erased]' where order_id = 3",
    "update application.delivery_methods set delivery_method_name = '[erased]' where delivery_method_id = 9",
    "update sales.customers set customer_name = '[erased]' where customer_name = %(name)s",
    "update sales.invoices set confirmed_received_by = '[erased]', returned_delivery_data = null "
    "where confirmed_received_by = %(name)s",
    "update application.people set full_name = '[erased]', preferred_name = '[erased]', "
    "search_name = '[erased]', logon_name = null, user_preferences = null, phone_number = null, "
    "fax_number = null, email_address = null, photo = null, custom_fields = null, other_languages = null "
    "where person_id = %(key)s",
)


def insert(source_dsn: str) -> Person:
    """Choose a person and insert the name in columns where no name is expected."""
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        found = source.execute(CHOSEN).fetchone()
        assert found
        person = Person(*found)
        for statement in INSERTS:
            assert _run(source, statement, person) == 1, statement
    return person


def remove(source_dsn: str, person: Person) -> None:
    """Remove the person's values from the source."""
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        for statement in REMOVALS:
            _run(source, statement, person)


def _run(source: psycopg.Connection[Any], statement: str, person: Person) -> int:
    return source.execute(statement.encode(), person._asdict()).rowcount

"""A person who is to be forgotten: the name stands in many places of the source, until it is taken out."""

from typing import Any, NamedTuple

import psycopg


class Person(NamedTuple):
    """The key and the name at the source."""

    key: int
    name: str


# A customer's contact who has received goods.
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
# Where no person is expected: the name of a firm, a remark, a code list.
PLANT = (
    "update purchasing.suppliers set supplier_name = %(name)s where supplier_id = 3",
    "update sales.orders set internal_comments = 'Ask ' || %(name)s || ', twice.' where order_id = 3",
    "update application.delivery_methods set delivery_method_name = %(name)s || '''s van' "
    "where delivery_method_id = 9",
)
# What `wwi erase person` asks for.
FORGET = (
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


def plant(source_dsn: str) -> Person:
    """Choose the person and put the name where none is expected."""
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        found = source.execute(CHOSEN).fetchone()
        assert found
        person = Person(*found)
        for statement in PLANT:
            assert _run(source, statement, person) == 1, statement
    return person


def forget(source_dsn: str, person: Person) -> None:
    """Take the values of the person out of the source."""
    with psycopg.connect(source_dsn, connect_timeout=10) as source:
        for statement in FORGET:
            _run(source, statement, person)


def _run(source: psycopg.Connection[Any], statement: str, person: Person) -> int:
    return source.execute(statement.encode(), person._asdict()).rowcount

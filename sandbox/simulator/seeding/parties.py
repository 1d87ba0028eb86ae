"""Suppliers and the customers of the first day.

Customers follow the 2016 edition: two buying groups, each a head office that is billed for its stores, and
individuals (section 14.2). At scale 1 there are 663 of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.seeding.addresses import addresses, phones
from sandbox.simulator.seeding.people import FIRST_SUPPLIER_CONTACT, LAST_SUPPLIER_CONTACT, contacts

Values = dict[str, object]
Parties = tuple[Values, Values]
"""Rows of sales.customers and of application.people."""

STORES, INDIVIDUALS = 200, 261
CORPORATE, NOVELTY_SHOP, GIFT_STORE = 7, 3, 6
DELIVERY_VAN = 3
INDIVIDUAL_PAYMENT_DAYS = 7


@dataclass(frozen=True)
class Group:
    """A buying group, its mail domain and its payment term."""

    name: str
    domain: str
    payment_days: int


GROUPS = (Group("Tailspin Toys", "tailspintoys.com", 30), Group("Wingtip Toys", "wingtiptoys.com", 45))

# name, category, delivery method (0: none), payment days (section 16)
_SUPPLIERS = (
    ("A Datum Corporation", 2, 7, 14),
    ("Contoso, Ltd.", 2, 9, 7),
    ("Consolidated Messenger", 6, 0, 30),
    ("Fabrikam, Inc.", 4, 7, 30),
    ("Graphic Design Institute", 2, 10, 14),
    ("Humongous Insurance", 9, 0, 14),
    ("Litware, Inc.", 5, 2, 30),
    ("Lucerne Publishing", 2, 10, 30),
    ("Nod Publishers", 2, 10, 7),
    ("Northwind Electric Cars", 3, 8, 30),
    ("Trey Research", 8, 0, 7),
    ("The Phone Company", 2, 7, 30),
    ("Woodgrove Bank", 7, 0, 7),
)


def suppliers(rng: np.random.Generator, cities: int) -> Values:
    """Return the 13 rows of purchasing.suppliers."""
    count = len(_SUPPLIERS)
    names, categories, methods, days = (list(column) for column in zip(*_SUPPLIERS, strict=True))
    first_contacts = np.arange(FIRST_SUPPLIER_CONTACT, LAST_SUPPLIER_CONTACT + 1, 2)
    accounts = rng.integers(10**9, 10**10, count).tolist()
    return {
        "supplier_id": np.arange(1, count + 1),
        "supplier_name": names,
        "supplier_category_id": categories,
        "primary_contact_person_id": first_contacts,
        "alternate_contact_person_id": first_contacts + 1,
        "delivery_method_id": [method or None for method in methods],
        "supplier_reference": [f"{'ABCDEFGHKLMNP'[place]}{number:07d}" for place, number in
                               enumerate(rng.integers(0, 10**7, count).tolist())],
        "bank_account_name": names,
        "bank_account_branch": "Woodgrove Bank Oakland",
        "bank_account_code": [f"{code}" for code in rng.integers(100_000, 999_999, count).tolist()],
        "bank_account_number": [f"{account}" for account in accounts],
        "bank_international_code": [f"{code}" for code in rng.integers(10_000, 99_999, count).tolist()],
        "payment_days": days,
        "internal_comments": ["Ask for the duty manager; the line drops after five.", *[None] * (count - 1)],
        **phones(rng, count),
        "website_url": [f"http://www.supplier{place}.example.com" for place in range(1, count + 1)],
        **addresses(rng, count, rng.integers(1, cities, count, endpoint=True)),
        "last_edited_by": 1,
    }  # fmt: skip


@dataclass(frozen=True)
class Registration:
    """The inputs for new customers: random numbers, seed of names, number of cities, and day."""

    rng: np.random.Generator
    seed: int
    cities: int
    day: np.datetime64


def seed_customers(registration: Registration, scale: float, city_names: list[str]) -> Iterator[Parties]:
    """Yield the first customers and their contacts, a buying group or all individuals at a time.

    `city_names` are "City, ST" in the order of city ids from 1.
    """
    stores = max(2, round(STORES * scale))
    next_customer, next_person = 1, LAST_SUPPLIER_CONTACT + 1
    for number in range(1, len(GROUPS) + 1):
        ids = np.arange(next_customer, next_customer + stores + 1)
        people = np.arange(next_person, next_person + 2 * len(ids))
        yield _group(registration, number, ids, people, city_names)
        next_customer, next_person = next_customer + len(ids), next_person + len(people)
    count = max(10, round(INDIVIDUALS * scale))
    yield individuals(registration, np.arange(count) + next_customer, np.arange(count) + next_person)


def _group(
    registration: Registration, number: int, ids: Array, people: Array, city_names: list[str]
) -> Parties:
    """Return one buying group: its head office, then its stores in as many different cities."""
    group, rng, count = GROUPS[number - 1], registration.rng, len(ids)
    city_ids = rng.choice(registration.cities, count, replace=False) + 1
    labels = ["Head Office", *(city_names[city - 1] for city in city_ids[1:].tolist())]
    categories = rng.integers(NOVELTY_SHOP, GIFT_STORE, count, endpoint=True)
    categories[0] = CORPORATE
    customers: Values = {
        "customer_id": ids,
        "customer_name": [f"{group.name} ({label})" for label in labels],
        "bill_to_customer_id": ids[0],
        "customer_category_id": categories,
        "buying_group_id": number,
        "primary_contact_person_id": people[::2],
        "alternate_contact_person_id": people[1::2],
        "delivery_method_id": rng.integers(1, 10, count, endpoint=True),
        "payment_days": group.payment_days,
        "website_url": [f"http://www.{group.domain}/{store}" for store in range(count)],
        **_account(registration.day),
        **phones(rng, count),
        **addresses(rng, count, city_ids),
    }
    return customers, contacts(rng, registration.seed, people, [group.domain] * len(people))


def individuals(registration: Registration, ids: Array, people: Array) -> Parties:
    """Return customers who are individuals; each is its own contact and is billed directly."""
    rng, count = registration.rng, len(ids)
    persons = contacts(rng, registration.seed, people, ["example.com"] * count)
    customers: Values = {
        "customer_id": ids,
        "customer_name": persons["full_name"],
        "bill_to_customer_id": ids,
        "customer_category_id": rng.integers(NOVELTY_SHOP, CORPORATE, count, endpoint=True),
        "primary_contact_person_id": people,
        "delivery_method_id": DELIVERY_VAN,
        "credit_limit": rng.integers(11, 40, count, endpoint=True) * 100_00,
        "payment_days": INDIVIDUAL_PAYMENT_DAYS,
        "delivery_run": "",
        "run_position": "",
        "website_url": "http://www.example.com/",
        **_account(registration.day),
        **phones(rng, count),
        **addresses(rng, count, rng.integers(1, registration.cities, count, endpoint=True)),
    }
    return customers, persons


def _account(opened: np.datetime64) -> Values:
    return {
        "account_opened_date": opened,
        "standard_discount_percentage": 0,
        "is_statement_sent": False,
        "is_on_credit_hold": False,
        "last_edited_by": 1,
    }

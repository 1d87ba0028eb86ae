"""People: the technical editor, the employees, and the contacts of suppliers and customers."""

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.documents import compact
from sandbox.simulator.names import PersonName, person_name
from sandbox.simulator.seeding.addresses import phones

Values = dict[str, object]

TECHNICAL_EDITOR = 1
FIRST_EMPLOYEE, LAST_EMPLOYEE = 2, 20
FIRST_SUPPLIER_CONTACT, LAST_SUPPLIER_CONTACT = 21, 46
SALESPEOPLE = (2, 3, 6, 7, 8, 13, 14, 15, 16, 20)
NOT_PERMITTED = (11, 19)
NO_LOGON = "NO LOGON"
PREFERENCES = compact(
    {
        "theme": "plain",
        "dateFormat": "mm/dd/yy",
        "timeZone": "PST",
        "table": {"pageLength": 25},
        "favoritesOnDashboard": True,
    }
)


def password_hash(rng: np.random.Generator) -> bytes:
    """Return 32 random bytes; no password exists for them."""
    return bytes(rng.bytes(32))


def seed_people(rng: np.random.Generator, seed: int) -> Values:
    """Return the 46 people of application.people that every simulation starts with."""
    ids = np.arange(TECHNICAL_EDITOR, LAST_SUPPLIER_CONTACT + 1)
    names = [_seed_name(person_id, seed) for person_id in ids.tolist()]
    employee = (ids >= FIRST_EMPLOYEE) & (ids <= LAST_EMPLOYEE)
    emails = [_seed_email(name, person_id) for name, person_id in zip(names, ids.tolist(), strict=True)]
    return {
        **_identity(ids, names),
        "is_permitted_to_logon": employee & ~np.isin(ids, NOT_PERMITTED),
        "logon_name": [
            email if works else NO_LOGON for email, works in zip(emails, employee.tolist(), strict=True)
        ],
        "is_external_logon_provider": False,
        "hashed_password": [password_hash(rng) if works else None for works in employee.tolist()],
        "is_system_user": employee | ((ids >= FIRST_SUPPLIER_CONTACT) & (ids % 5 != 0)),
        "is_employee": employee,
        "is_salesperson": np.isin(ids, SALESPEOPLE),
        "user_preferences": [PREFERENCES if works else None for works in employee.tolist()],
        **_seed_phones(rng, len(ids)),
        "email_address": emails,
        "last_edited_by": TECHNICAL_EDITOR,
    }


def contacts(rng: np.random.Generator, seed: int, ids: Array, domains: list[str]) -> Values:
    """Return customers' contacts as rows of application.people; each has the mail domain of its customer."""
    names = [person_name(person_id, seed) for person_id in ids.tolist()]
    return {
        **_identity(ids, names),
        "is_permitted_to_logon": False,
        "logon_name": NO_LOGON,
        "is_external_logon_provider": False,
        "is_system_user": False,
        "is_employee": False,
        "is_salesperson": False,
        **phones(rng, len(ids)),
        "email_address": [name.email(domain) for name, domain in zip(names, domains, strict=True)],
        "last_edited_by": TECHNICAL_EDITOR,
    }


def _identity(ids: Array, names: list[PersonName]) -> Values:
    return {
        "person_id": ids,
        "full_name": [name.full for name in names],
        "preferred_name": [name.preferred for name in names],
        "search_name": [name.search for name in names],
    }


def _seed_name(person_id: int, seed: int) -> PersonName:
    if person_id == TECHNICAL_EDITOR:
        return PersonName("Data Conversion Only", "Data Conversion Only")
    return person_name(person_id, seed)


def _seed_email(name: PersonName, person_id: int) -> str | None:
    if person_id == TECHNICAL_EDITOR:
        return None
    if person_id <= LAST_EMPLOYEE:
        return name.email("wideworldimporters.com").replace("@", f"{person_id}@")
    return name.email(f"supplier{(person_id - FIRST_SUPPLIER_CONTACT) // 2 + 1}.example.com")


def _seed_phones(rng: np.random.Generator, count: int) -> Values:
    numbers = phones(rng, count)
    return {
        column: [None, *list(values)[1:]] for column, values in numbers.items() if isinstance(values, list)
    }

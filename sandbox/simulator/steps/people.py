"""Changes of people and customers: passwords, logons, new customers.

Sources: business_rules.md, sections 3 and 14. Changes of passwords and logons have no editor.
"""

import numpy as np

from sandbox.simulator.seeding.parties import Registration, individuals
from sandbox.simulator.seeding.people import PREFERENCES, TECHNICAL_EDITOR, password_hash
from sandbox.simulator.world import StepContext, World

PASSWORD_CHANGES_SHARES = (5 / 8, 2 / 8, 1 / 8)
ACTIVATION_SHARE = 1 / 8


def change_passwords(world: World, context: StepContext) -> dict[str, int]:
    """Change the passwords of zero to two people with logon permission."""
    people, rng = world.people, context.rng
    changes = int(rng.choice(len(PASSWORD_CHANGES_SHARES), p=PASSWORD_CHANGES_SHARES))
    rows = rng.choice(np.flatnonzero(people["is_permitted_to_logon"]), changes)
    for row in rows:
        people.set(np.array([row]), hashed_password=password_hash(rng))
    return {"password changes": changes}


def activate_logon(world: World, context: StepContext) -> dict[str, int]:
    """Occasionally give one more person logon permission."""
    people, rng = world.people, context.rng
    candidates = np.flatnonzero(~people["is_permitted_to_logon"] & (people["person_id"] != TECHNICAL_EDITOR))
    if not len(candidates) or rng.random() >= ACTIVATION_SHARE:
        return {}
    row = rng.choice(candidates, 1)
    people.set(
        row,
        is_permitted_to_logon=True,
        logon_name=people["email_address"][row],
        hashed_password=password_hash(rng),
        user_preferences=PREFERENCES,
    )
    return {"logon activations": 1}


def add_customers(world: World, context: StepContext) -> dict[str, int]:
    """Occasionally register a new customer, an individual."""
    expected = world.parameters.extensions.new_customers_per_day * world.parameters.scale
    count = int(expected) + int(context.rng.random() < expected % 1)
    if not count:
        return {}
    registration = Registration(context.rng, world.parameters.seed, len(world.cities), context.today)
    ids, people = world.take_ids("customer", count), world.take_ids("person", count)
    customers, persons = individuals(registration, ids, people)
    world.people.append(**persons)
    world.customers.append(**customers)
    return {"new customers": count}

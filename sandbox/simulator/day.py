"""The business day: its steps in order, with times, weekdays and editors (business_rules.md, section 3)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from sandbox.simulator.steps.corrections import correct_old_rows
from sandbox.simulator.steps.credit_notes import credit
from sandbox.simulator.steps.delivery import deliver
from sandbox.simulator.steps.drift import drift
from sandbox.simulator.steps.invoicing import invoice
from sandbox.simulator.steps.master_data import change_master_data, grow
from sandbox.simulator.steps.orders import cancel_orders, take_late_orders, take_orders
from sandbox.simulator.steps.payments import pay_suppliers, receive_payments
from sandbox.simulator.steps.people import activate_logon, add_customers, change_passwords
from sandbox.simulator.steps.picking import pick
from sandbox.simulator.steps.purchasing import place_orders, receive_goods
from sandbox.simulator.steps.sensors import read_cold_room, read_vehicle
from sandbox.simulator.steps.stocktake import is_stocktake_day, take_stock
from sandbox.simulator.streams import stream
from sandbox.simulator.world import StepContext, World

MASTER_DATA_EVENTS = frozenset(
    {
        "address changes",
        "category changes",
        "credit limit changes",
        "logon activations",
        "master data changes",
        "new customers",
        "password changes",
        "price changes",
        "special deals",
        "yearly growth",
    }
)
"""Names of the events that change master data; all others are the day's trade."""

MONDAY, THURSDAY, FRIDAY = 0, 3, 4
COLD_ROOM_FROM, VEHICLE_FROM = date(2015, 12, 20), date(2016, 1, 1)


def every_day(day: date) -> bool:
    """Return True: the step runs on every day."""
    return True


@dataclass(frozen=True)
class Step:
    """One step: its name (also of its random stream), the timestamp of its rows, and the days it runs on.

    The editor is one random employee per step and day, or person 1.
    """

    name: str
    at: str
    run: Callable[[World, StepContext], dict[str, int]]
    on: Callable[[date], bool] = every_day
    by_employee: bool = True

    def context(self, world: World, day: date) -> StepContext:
        """Return the context of the step on that day."""
        rng = stream(world.parameters.seed, day, self.name)
        editor = int(rng.choice(world.employees)) if self.by_employee else 1
        return StepContext(day, np.datetime64(f"{day}T{self.at}", "s"), editor, rng)


STEPS = (
    Step("receive goods", "07:00", receive_goods, on=lambda day: day.weekday() <= FRIDAY),
    Step("change passwords", "08:00", change_passwords),
    Step("activate logon", "08:10", activate_logon),
    Step("pay suppliers", "09:00", pay_suppliers, on=lambda day: day.weekday() == MONDAY),
    Step("take orders", "10:00", take_orders, by_employee=False),
    Step("cancel orders", "10:30", cancel_orders),
    Step("pick", "11:00", pick),
    Step("receive payments", "11:30", receive_payments),
    Step("invoice", "12:00", invoice),
    # the original orders every day; with corrected receipts twice a week is enough (section 19)
    Step("place purchase orders", "13:00", place_orders, on=lambda day: day.weekday() in (MONDAY, THURSDAY)),
    Step("take stock", "14:00", take_stock, on=is_stocktake_day),
    Step("deliver", "07:00", deliver),
    Step("add customers", "15:00", add_customers, by_employee=False),
    Step("credit", "15:30", credit),
    Step("change master data", "16:00", change_master_data),
    Step("grow", "16:00", grow, on=lambda day: (day.month, day.day) == (7, 1)),
    Step("drift", "16:15", drift),
    Step("take late orders", "16:30", take_late_orders, by_employee=False),
    Step("correct old rows", "17:00", correct_old_rows),
    Step("read cold room", "23:59:30", read_cold_room, on=lambda day: day >= COLD_ROOM_FROM),
    Step("read vehicle", "16:00", read_vehicle, on=lambda day: day >= VEHICLE_FROM),
)


def run_day(world: World, day: date) -> Counter[str]:
    """Run the steps of one day; return the number of events of each kind."""
    events: Counter[str] = Counter()
    for step in STEPS:
        if step.on(day):
            events.update(step.run(world, step.context(world, day)))
    return +events

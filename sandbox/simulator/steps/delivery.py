"""Deliveries (business_rules.md, section 7), with the reference's correction 4: a failed attempt is repeated.

The step runs in the afternoon but stamps its rows 07:00, as the original does.
"""

import json

import numpy as np

from sandbox.simulator.columns import Array
from sandbox.simulator.data import read_table
from sandbox.simulator.documents import compact
from sandbox.simulator.streams import keyed_uniform
from sandbox.simulator.world import StepContext, World

FAILED_SHARE = 0.1
USUAL_PAUSE_S, ROUND_S = 300, 10 * 3600
"""Five minutes between attempts; less when that many deliveries would not fit into ten hours."""


def deliver(world: World, context: StepContext) -> dict[str, int]:
    """Try to deliver every open invoice dated before today, in the order of their ids."""
    invoices = world.invoices
    rows = np.flatnonzero(
        (invoices["invoice_date"] < context.today) & np.isnat(invoices["confirmed_delivery_time"])
    )
    if not len(rows):
        return {}
    pause = min(USUAL_PAUSE_S, ROUND_S // len(rows))
    times = context.when + np.arange(1, len(rows) + 1) * np.timedelta64(pause, "s")
    received = context.rng.random(len(rows)) >= FAILED_SHARE
    receivers = world.people["full_name"][world.people.rows(invoices["contact_person_id"][rows])]
    receivers[~received] = None
    invoices.set(
        rows,
        returned_delivery_data=_documents(world, context, rows, times, receivers),
        **context.stamp,
    )
    done = rows[received]
    invoices.set(done, confirmed_delivery_time=times[received], confirmed_received_by=receivers[received])
    invoices.close(done)
    lines = world.invoice_lines
    lines.close(np.isin(lines["invoice_id"], invoices["invoice_id"][done]))
    return {"deliveries": len(done), "failed deliveries": len(rows) - len(done)}


def ready_document(invoice_id: int, when: np.datetime64) -> str:
    """Return the delivery document of a new invoice."""
    event = {"Event": "Ready for collection", "EventTime": str(when), "ConNote": _con_note(invoice_id)}
    return compact({"Events": [event]})


def _con_note(invoice_id: int) -> str:
    return f"EAN-125-{invoice_id + 1050}"


def _documents(world: World, context: StepContext, rows: Array, times: Array, receivers: Array) -> list[str]:
    """Return the invoices' delivery documents with today's attempt; receiver None: nobody was present."""
    invoices, customers = world.invoices, world.customers
    city_ids = customers["delivery_city_id"][customers.rows(invoices["customer_id"][rows])]
    places = _coordinates(world, city_ids)
    updated = []
    for document, number, time, receiver, (latitude, longitude) in zip(
        invoices["returned_delivery_data"][rows],
        invoices["invoice_id"][rows].tolist(),
        np.datetime_as_string(times).tolist(),
        receivers.tolist(),
        places.tolist(),
        strict=True,
    ):
        content = json.loads(document)
        event = {"Event": "DeliveryAttempt", "EventTime": time, "ConNote": _con_note(number)}
        event |= {"DriverID": context.editor, "Latitude": latitude, "Longitude": longitude}
        content["Events"].append(event | _outcome(receiver))
        if receiver:
            content |= {"DeliveredWhen": time, "ReceivedBy": receiver}
        updated.append(compact(content))
    return updated


def _outcome(receiver: str | None) -> dict[str, str]:
    return {"Status": "Delivered"} if receiver else {"Comment": "Receiver not present"}


def _coordinates(world: World, city_ids: Array) -> Array:
    """Return latitude and longitude of cities: near the centre of their state, always the same."""
    table = read_table("states")
    middles = np.array([table["latitude"], table["longitude"]], dtype=float).T
    states = world.cities["state_province_id"][world.cities.rows(city_ids)] - 1
    shifts = [keyed_uniform(world.parameters.seed, axis, city_ids) * 2 - 1 for axis in ("north", "east")]
    return np.asarray((middles[states] + np.array(shifts).T).round(6))

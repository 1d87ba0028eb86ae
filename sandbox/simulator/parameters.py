"""The parameters of a simulation: seed, scale, and the rates of events that the original does not have."""

import math
from dataclasses import asdict, dataclass, field

from sandbox.simulator.errors import SimulationError

MAX_SCALE = 100.0


@dataclass(frozen=True)
class Extensions:
    """Events and readings that the original generator does not have, or has in other numbers.

    The original (business_rules.md, sections 13 and 18) has no corrections, cancellations, credit notes,
    price changes or address changes; a warehouse must handle all of them. `..._per_day`: expected events per
    day at scale 1. `..._share`: probability.
    """

    credit_note_share: float = 0.008
    """Delivered invoices for which a credit note is raised on the day of delivery."""
    goods_returned_share: float = 0.5
    """Credit notes whose goods come back into stock."""
    late_order_share: float = 0.01
    """Orders that arrive at 16:30, after picking, and are picked the next day."""
    cancelled_share: float = 0.4
    """Late orders that are deleted, with their lines, before they are picked the next morning."""
    comment_share: float = 0.03
    """Orders with a comment; half of the comments are the empty string."""
    new_customers_per_day: float = 1 / 25
    """New customers; the original has this rate."""
    price_changes_per_day: float = 0.1
    """Items whose list price moves by up to 8 percent."""
    deals_per_day: float = 0.05
    """Special deals in addition to the two of the original."""
    address_changes_per_day: float = 0.2
    """Customers who move, with a new city, address and phone number."""
    credit_changes_per_day: float = 0.2
    """Customers whose credit limit changes, in addition to the yearly increase."""
    category_changes_per_day: float = 0.1
    """Customers who move to another category."""
    order_corrections_per_day: float = 0.3
    """Finished orders that get another comment, with a `last_edited_when` in the past."""
    invoice_corrections_per_day: float = 0.2
    """Delivered invoices that get an internal comment, with an unchanged `last_edited_when`."""
    payment_corrections_per_day: float = 0.2
    """Old customer payments that get another payment method, with a `last_edited_when` in the past."""
    cold_room_interval_s: int = 3600
    """Longest pause between cold room readings. The original has 30 s: 3.66 million rows to 2016-05-31."""
    vehicle_interval_s: int = 3600
    """Longest pause between two vehicle readings. The original has 300 s."""
    compressed_share: float = 0.05
    """Vehicle readings stored as gzip bytes instead of text; the original has none in its period."""


@dataclass(frozen=True)
class Parameters:
    """The parameters of a simulation; equal parameters and start day give equal rows.

    `scale` multiplies orders per day, customers and stock. The number of cities follows it only below 1: the
    reference data have 37,940.
    """

    seed: int = 42
    scale: float = 1.0
    extensions: Extensions = field(default_factory=Extensions)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SimulationError(
                f"seed {self.seed}: a seed is an integer of at least 0. Choose another one."
            )
        if not (math.isfinite(self.scale) and 0 < self.scale <= MAX_SCALE):
            raise SimulationError(
                f"scale {self.scale}: a scale is above 0 and at most {MAX_SCALE:g}. Choose another one."
            )

    def as_json(self) -> dict[str, float]:
        """Return all parameters as plain values that JSON keeps unchanged."""
        return {"seed": self.seed, "scale": self.scale, **asdict(self.extensions)}

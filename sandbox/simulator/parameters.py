"""What a simulation is made of: seed, scale, and the rates of what the original generator never does."""

import math
from dataclasses import asdict, dataclass, field

from sandbox.simulator.errors import SimulationError

MAX_SCALE = 100.0


@dataclass(frozen=True)
class Extensions:
    """Events and readings that the original generator lacks or has in other amounts.

    The original (business_rules.md, sections 13 and 18) never corrects, cancels or credits anything and never
    changes a price or an address; a warehouse must survive all of that. `..._per_day` are expected numbers
    of events a day at scale 1, `..._share` are probabilities.
    """

    credit_note_share: float = 0.008
    """Delivered invoices for which a credit note is raised on the day of delivery."""
    goods_returned_share: float = 0.5
    """Credit notes whose goods come back into stock."""
    late_order_share: float = 0.01
    """Orders of a day that come in at 16:30, after picking, so that they wait for the next day."""
    cancelled_share: float = 0.4
    """Late orders that are deleted, with their lines, before they are picked the next morning."""
    comment_share: float = 0.03
    """Orders with a comment; half of the comments are the empty string."""
    new_customers_per_day: float = 1 / 25
    """New customers; the original has this rate."""
    price_changes_per_day: float = 0.1
    """Items whose list price moves by up to 8 percent."""
    deals_per_day: float = 0.05
    """Special deals besides the two of the original."""
    address_changes_per_day: float = 0.2
    """Customers who move, with a new city, address and phone number."""
    credit_changes_per_day: float = 0.2
    """Customers whose credit limit changes, besides the yearly rise."""
    category_changes_per_day: float = 0.1
    """Customers who move to another category."""
    order_corrections_per_day: float = 0.3
    """Finished orders that get another comment, with a `last_edited_when` in the past."""
    invoice_corrections_per_day: float = 0.2
    """Delivered invoices that get an internal comment, with `last_edited_when` left untouched."""
    payment_corrections_per_day: float = 0.2
    """Old customer payments whose method was booked wrongly, with a `last_edited_when` in the past."""
    cold_room_interval_s: int = 3600
    """Longest pause between cold room readings. The original has 30 s: 3.66 million rows to 2016-05-31."""
    vehicle_interval_s: int = 3600
    """Longest pause between two vehicle readings. The original has 300 s."""
    compressed_share: float = 0.05
    """Vehicle readings stored as gzip bytes instead of text; the original has none in its period."""


@dataclass(frozen=True)
class Parameters:
    """Everything that decides what a simulation writes; equal parameters and start give equal rows.

    `scale` multiplies the orders of a day, the customers, and the stock that serves them. Cities follow it
    below 1 only: 37,940 is all that the reference data has.
    """

    seed: int = 42
    scale: float = 1.0
    extensions: Extensions = field(default_factory=Extensions)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SimulationError(
                f"seed {self.seed}: a seed is a whole number from 0 on. Choose another one."
            )
        if not (math.isfinite(self.scale) and 0 < self.scale <= MAX_SCALE):
            raise SimulationError(
                f"scale {self.scale}: the scale is above 0 and at most {MAX_SCALE:g}. Choose another one."
            )

    def as_json(self) -> dict[str, float]:
        """Return the parameters, extensions among them, as plain values that JSON keeps unchanged."""
        return {"seed": self.seed, "scale": self.scale, **asdict(self.extensions)}

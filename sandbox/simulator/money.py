"""Money in cents, rounded as Postgres rounds a numeric: half away from zero."""

import numpy as np

from sandbox.simulator.columns import Array


def rounded(amount: Array, divisor: int) -> Array:
    """Return `amount / divisor` as integers, rounded half away from zero."""
    return np.asarray(np.sign(amount) * ((2 * np.abs(amount) + divisor) // (2 * divisor)))


def tax(quantity: Array, unit_price: Array, tax_rate: Array) -> Array:
    """Return tax in cents; prices in cents, rates in thousandths of a percent (section 12)."""
    return rounded(quantity * unit_price * tax_rate, 100_000)

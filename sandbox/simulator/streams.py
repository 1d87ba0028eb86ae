"""Random numbers that depend on nothing but the seed, the day and the step that asks.

No stream carries on from one day to the next, so a simulation that is continued later draws the same numbers
as one that ran through.
"""

from datetime import date
from zlib import crc32

import numpy as np

from sandbox.simulator.columns import Array


def stream(seed: int, day: date | None, step: str) -> np.random.Generator:
    """Return the generator of one step of one day; `day` None is the seed data."""
    number = day.toordinal() if day else 0
    return np.random.Generator(np.random.PCG64([seed, number, crc32(step.encode())]))


def keyed_uniform(seed: int, purpose: str, keys: Array) -> Array:
    """Return one number in [0, 1) for each key, the same whenever it is asked.

    It stands for a decision about a row that is taken once and needed on many days, so that it needs no
    column of its own. The mixing is that of splitmix64.
    """
    state = keys.astype(np.uint64) + np.uint64((seed * 0x1_0000_0000 + crc32(purpose.encode())) % 2**64)
    with np.errstate(over="ignore"):
        state = (state + np.uint64(1)) * np.uint64(0x9E37_79B9_7F4A_7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        state ^= state >> np.uint64(31)
    return np.asarray((state >> np.uint64(11)) * 2.0**-53)

"""Random numbers that depend only on the seed, the day and the step.

No stream continues on the next day, so a continued simulation draws the same numbers as an uninterrupted one.
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
    """Return one number in [0, 1) for each key, always the same for a key.

    It replaces a stored column for a random decision about a row. The hash is splitmix64.
    """
    state = keys.astype(np.uint64) + np.uint64((seed * 0x1_0000_0000 + crc32(purpose.encode())) % 2**64)
    with np.errstate(over="ignore"):
        state = (state + np.uint64(1)) * np.uint64(0x9E37_79B9_7F4A_7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
        state ^= state >> np.uint64(31)
    return np.asarray((state >> np.uint64(11)) * 2.0**-53)

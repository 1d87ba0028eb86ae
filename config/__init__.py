"""Settings, errors and small helpers that every other package uses."""

import decimal

# NUMERIC has 38 digits and its sums have more; by default Python rounds to 28, in every thread.
decimal.DefaultContext.prec = 100
decimal.getcontext().prec = 100

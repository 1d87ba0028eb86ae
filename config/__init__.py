"""Settings, errors and small helpers that every other package uses."""

import decimal

# NUMERIC has 38 digits and sums of it more; Python rounds to 28 by default, in every thread.
decimal.DefaultContext.prec = 100
decimal.getcontext().prec = 100

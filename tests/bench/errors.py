"""What goes wrong in a measurement."""


class BenchError(Exception):
    """A program that is measured failed; the text says which and what it said."""

"""Errors of benchmarks."""


class BenchError(Exception):
    """A measured program failed; the text has its name and output."""

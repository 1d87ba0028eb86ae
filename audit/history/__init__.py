"""Query history: versions of one key, marts as of a time, and differences between two times."""

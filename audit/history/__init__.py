"""Questions about the past: versions of one key, marts as of a time, and their differences."""

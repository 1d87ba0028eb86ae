"""Set up a Google Cloud project: plan what it should contain, compare, and fix the difference."""

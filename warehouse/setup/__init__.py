"""Set up a Google Cloud project: plan its resources, compare, and apply the differences."""

"""The commands of `wwi`, one file per group."""

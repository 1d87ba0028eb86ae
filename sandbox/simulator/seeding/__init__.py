"""The data of the business before its first day."""

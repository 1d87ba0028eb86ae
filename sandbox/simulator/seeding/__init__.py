"""What the business starts with, before its first day."""

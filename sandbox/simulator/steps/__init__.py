"""The steps of a business day: functions of the world and the context that return event counts."""

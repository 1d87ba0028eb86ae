"""Prefect: flows, tasks, deployments, schedules and notifications. Nothing else is here."""

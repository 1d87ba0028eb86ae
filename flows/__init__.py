"""Prefect flows, tasks, deployments, schedules and notifications."""

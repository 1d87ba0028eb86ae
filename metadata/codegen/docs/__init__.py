"""Generate the reference pages and diagrams of docs/."""

"""Print the results of commands for people."""

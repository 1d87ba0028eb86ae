"""How the results of commands are printed for people."""

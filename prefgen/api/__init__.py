"""What `prefgen.` offers in Python: `prefgen.run(...)` and what the command line does beside it."""

"""`python -m prefgen`."""

from prefgen.cli import main

main()

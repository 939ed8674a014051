"""`python -m almanac.cli` is the command line."""

from almanac.cli import main

main()

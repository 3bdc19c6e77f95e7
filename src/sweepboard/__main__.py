"""`python -m sweepboard`, the same as the console script."""

from sweepboard.cli import command

command()

"""`python -m emstream` is the command `emstream`."""

from emstream.cli import main

main()

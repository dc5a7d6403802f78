"""`python -m emstream_cli` is the command `emstream`."""

from emstream_cli.main import main

main()

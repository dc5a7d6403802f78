"""One module per command of `emstream`."""

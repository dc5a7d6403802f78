"""The command `emstream`: one module per command; services are imported only when a command needs them."""

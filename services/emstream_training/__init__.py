"""Training and evaluation of networks (needs the `train` extra)."""

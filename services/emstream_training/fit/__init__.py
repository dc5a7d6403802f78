"""Fitting a network: optimisation, validation, resuming, writing the checkpoint."""

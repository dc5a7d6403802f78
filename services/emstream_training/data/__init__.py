"""Labelled stacks, patches and batches for training."""

"""Models that find structures: checkpoints, recipes, network architectures and the shipped weights."""

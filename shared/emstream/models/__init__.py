"""What finds a structure: checkpoints, recipes, network architectures and the shipped weights."""

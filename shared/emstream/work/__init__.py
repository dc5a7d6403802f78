"""A worker's life: claim, work, publish, complete."""

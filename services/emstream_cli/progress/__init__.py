"""Progress as the terminal shows it: stages, transfers, training."""

"""Made-up EM volumes with known truth."""

"""Scores of masks and probabilities against labels."""

"""Inference: packages through networks, probabilities out."""

"""Compositions of all stages on one machine: in one process, or as a service with its broker."""

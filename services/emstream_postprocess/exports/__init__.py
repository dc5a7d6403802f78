"""Exports: volumes of a finished job, strip by strip, in the formats that other programs read."""

"""Postprocess: stitch packages, threshold, export."""

"""Preprocess: plan a job, read its stack, clean it, write slabs."""

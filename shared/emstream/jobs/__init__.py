"""A job on disk: its record, folder, timeline, orders and files."""

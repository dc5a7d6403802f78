"""What runs: each folder is a process; `standalone` joins them on one machine."""

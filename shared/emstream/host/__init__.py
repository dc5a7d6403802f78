"""This machine: memory allocator, processor features, child processes, private files, disk space."""

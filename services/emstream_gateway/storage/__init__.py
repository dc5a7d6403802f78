"""The gateway's view of the data folder: jobs, uploads, quotas, slabs, tiles, tables."""

"""Snapshots replayed as live pages, on an origin of their own that holds nothing else."""

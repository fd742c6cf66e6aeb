"""Builds the executable: one folder with the program and all it needs but the C library; needs no Python to run."""

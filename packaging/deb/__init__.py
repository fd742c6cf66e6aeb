"""Builds the Debian package: the executable, MediaMTX, the units, and what an operator reads."""

"""Prepares a checkout on a Debian machine; standard library only, since it runs before all else."""

"""Everything vmsd knows of the machine it runs on: disk, volume, folders, clocks, keys."""

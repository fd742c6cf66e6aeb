"""Makes the disk image of a box: Debian, the package of vmsd, and what lets the two live without an administrator."""

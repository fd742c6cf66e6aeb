"""The site file: what an installer says of a new box, read, checked, applied once, and freed of its secrets."""

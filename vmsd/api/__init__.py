"""The JSON side: every URL in one table, one door in front of all of them."""

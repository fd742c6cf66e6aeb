"""Signed updates: read and checked, put in place whole or not at all, confirmed by health or taken back."""

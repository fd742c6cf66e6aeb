"""Builds and signs updates, and what replaces the keys of those who sign them."""

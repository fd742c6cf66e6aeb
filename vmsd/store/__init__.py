"""All SQL: one writer, a few readers, and a fence around every city."""

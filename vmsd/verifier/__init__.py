"""What checks an evidence package, with nothing of ours installed."""

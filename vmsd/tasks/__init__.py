"""What happens by itself: one file per task, all of one shape."""

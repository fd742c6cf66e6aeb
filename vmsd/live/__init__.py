"""Live pictures on their way from MediaMTX to the people who may see them."""

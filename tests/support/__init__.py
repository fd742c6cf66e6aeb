"""What tests of the whole daemon stand on: real cameras, a real media server, real processes."""

"""All knowledge of MediaMTX: its API, its answers, its configuration file and its names."""

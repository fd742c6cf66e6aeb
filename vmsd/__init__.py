"""The daemon of one video site: cameras, recordings, live pictures and the proof of all three."""

__version__ = "0.1.0"

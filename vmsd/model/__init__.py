"""The nouns of a video site: frozen dataclasses and the words for their states."""

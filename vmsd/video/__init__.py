"""Everything vmsd knows of video: files, keyframes, decoding, and what a source sends."""

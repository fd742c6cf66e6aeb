"""Cameras that do not exist: generated video behind a real RTSP door."""

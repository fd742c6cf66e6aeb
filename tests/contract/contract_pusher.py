"""A camera that pushes: generated H.264 over RTMP or RTSP; run as a program it pushes until it is ended."""

from __future__ import annotations

import sys
import threading

import av

_FPS = 10


class Pusher:
    """Pushes generated H.264 until told to stop, or until it is thrown out."""

    def __init__(self, url: str) -> None:
        self.error: Exception | None = None
        self._url = url
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    def run(self) -> None:
        try:
            kind = "flv" if self._url.startswith("rtmp") else "rtsp"
            with av.open(self._url, "w", format=kind, options={"rtsp_transport": "tcp"}, timeout=5) as container:
                self._push(container)
        except (av.error.FFmpegError, OSError) as error:  # refusals by status are no OSError
            self.error = error

    def _push(self, container: av.container.OutputContainer) -> None:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast", "g": str(_FPS)})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        number = 0
        while not self._stopped.wait(1 / _FPS):
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes((number * 7 + at) & 0xFF for at in range(256)) * (plane.buffer_size // 256))
            frame.pts, number = number, number + 1
            container.mux(stream.encode(frame))


if __name__ == "__main__":
    Pusher(sys.argv[1]).run()

"""Guards who watch a grid: each tile asks for its playlist and its newest segment at its own pace."""

import asyncio
import json
import random
import resource
import sys
import time

BUFFER = bytearray(1 << 20)


class Connection(asyncio.BufferedProtocol):
    """Reads an answer of a known content length without keeping it."""

    def __init__(self):
        self.left = 0
        self.head = b""
        self.done = None

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, _hint):
        return memoryview(BUFFER)

    def buffer_updated(self, count):
        if self.left:
            self.left -= count
        else:
            self.head += BUFFER[:count]
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.head.startswith(b"HTTP/1.1 200"):
                self.done.set_exception(RuntimeError(self.head[:300].decode()))
                return
            at = self.head.lower().index(b"content-length: ") + 16
            length = int(self.head[at : self.head.index(b"\r", at)])
            self.left = length - (len(self.head) - end - 4)
            self.head = b""
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, _error):
        if self.done and not self.done.done():
            self.done.set_exception(ConnectionError("closed"))

    async def get(self, target):
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await self.done


class Viewer:
    """A browser: sixteen tiles, six connections."""

    def __init__(self, order, seed):
        self.order = order
        self.rng = random.Random(seed)
        self.idle = asyncio.Queue()
        self.took = []

    async def connect(self):
        loop = asyncio.get_running_loop()
        for _ in range(6):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self.order["port"])
            await connection.get(self.order["playlist"].format(camera=0))
            self.idle.put_nowait(connection)

    async def get(self, target):
        connection = await self.idle.get()
        await connection.get(target)
        self.idle.put_nowait(connection)

    async def watch(self, camera, start):
        """One tile: its segment, and with `playlists` its playlist, at its own moment of each period."""
        period_s = self.order["segment_s"]
        offset_s = period_s * self.rng.uniform(0.05, 0.95)
        for number in range(self.order["segments"]):
            await asyncio.sleep(start + number * period_s + offset_s - time.monotonic())
            if self.order["playlists"]:
                await self.get(self.order["playlist"].format(camera=camera))
            asked = time.monotonic()
            await self.get(self.order["segment"].format(camera=camera, number=self.order["first"] + number))
            self.took.append(time.monotonic() - asked)


async def main(order):
    viewers = [Viewer(order, seed) for seed in range(order["viewers"])]
    for viewer in viewers:
        await viewer.connect()
    print("ready", flush=True)
    start = time.monotonic() + 0.1
    await asyncio.gather(*(viewer.watch(camera, start) for viewer in viewers for camera in range(order["cameras"])))
    took = sorted(each for viewer in viewers for each in viewer.took)
    print(json.dumps({"segments": len(took), "p99_ms": 1000 * took[int(len(took) * 0.99)]}))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    asyncio.run(main(json.loads(sys.argv[1])))

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


async def watch(order, camera, until, took, draw):
    """One tile: every `segment_s` a playlist when `playlists`, then the segment of that moment."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", order["port"])
    at = order["start"] + draw * order["segment_s"]
    while at < until:
        await asyncio.sleep(max(0, at - time.time()))
        number = int((at - order["start"]) / order["segment_s"]) + order["first"]
        if order["playlists"]:
            await connection.get(order["playlist"].format(camera=camera))
        started = time.perf_counter()
        await connection.get(order["segment"].format(camera=camera, number=number))
        took.append(time.perf_counter() - started)
        at += order["segment_s"]
    connection.transport.close()


async def main(order):
    took = []
    rng = random.Random(7)
    until = order["start"] + order["seconds"]
    await asyncio.gather(
        *(
            watch(order, camera, until, took, rng.random() * 0.9 + 0.05)
            for _ in range(order["viewers"])
            for camera in range(order["cameras"])
        )
    )
    took.sort()
    print(json.dumps({"segments": len(took), "p99_ms": 1000 * took[int(len(took) * 0.99)]}))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    asyncio.run(main(json.loads(sys.argv[1])))

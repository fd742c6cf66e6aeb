"""Live segments through vmsd and through nginx: CPU per segment on one core, and what reaches the origin."""

import contextlib
import hashlib
import hmac
import itertools
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUARDED = "nginx proxy_cache + auth_request"
OTHERS = {
    "asking": f"{GUARDED}, without the service it asks",
    "cached": "nginx proxy_cache",
    "plain": "nginx proxy_pass",
}
ROUNDS = 3
CAMERAS = 16
PREFIX = "0123456789ab_video1_seg"
SIZES = {"1 MB": 1_000_000, "200 KB": 200_000}
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
# Figures, connections, size of a segment, goal.
SATURATED = (
    ("CPU per cached live segment, 50 viewers", 50, "1 MB", 0.7),
    ("CPU per cached live segment, 200 viewers", 200, "1 MB", 0.7),
    ("CPU per cached 200 KB part, 50 viewers", 50, "200 KB", 0.7),
    ("CPU per cached 200 KB part, 200 viewers", 200, "200 KB", 0.7),
)
PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n" + "".join(
    f"#EXTINF:2.00000,\n{PREFIX}{number}.mp4\n" for number in range(5)
).replace("#EXTINF", '#EXT-X-MAP:URI="0123456789ab_video1_init.mp4"\n#EXTINF', 1)


def token() -> str:
    """What `hls_server.py` accepts."""
    return "guard." + hmac.new(b"the key of the benchmark", b"guard", hashlib.sha256).hexdigest()


@dataclass
class Site:
    """One origin and every candidate in front of it, each server on the first core, the rest elsewhere.

    `guarded` is nginx and the service it asks, as vmsd is its own guard; `asking` is nginx without it.
    """

    root: Path
    ports: dict[str, int]
    pids: dict[str, tuple[int, ...]]

    def cpu_ms(self, name: str) -> float:
        return sum(process_ms(pid) for pid in self.pids[name])

    def asked(self) -> Counter[str]:
        """How often each file was asked of the origin since the last call."""
        log = self.root / "origin.log"
        lines = log.read_text().split()
        log.write_text("")
        return Counter(lines)


def process_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def run() -> list[dict]:
    """The rows of P1, P2 and P3; a row says so when nginx or wrk is missing."""
    missing = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)]
    if missing:
        return [row(figure, goal, note=f"not measured: no {missing[0]}") for figure, _, _, goal in SATURATED]
    with contextlib.ExitStack() as stack:
        site = start(stack)
        return [*saturated_rows(site), *grid_rows(site)]


def row(figure, goal, vmsd=0.0, peer=0.0, *, unit="CPU ms", peer_name=GUARDED, **more) -> dict:
    ratio = vmsd / peer if peer else 0.0
    return {
        "figure": figure,
        "vmsd": round(vmsd, 4),
        "peer": round(peer, 4),
        "ratio": round(ratio, 3),
        "goal": goal,
        "unit": unit,
        "peer_name": peer_name,
        **more,
    }


# The site


def start(stack: contextlib.ExitStack) -> Site:
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - memory, as the cache of a box
    root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vmsd-bench-hls-", dir=shm)))
    root.chmod(0o755)
    write_files(root / "files")
    names = ("origin", "auth", "guarded", "cached", "plain", "vmsd")
    site = Site(root, dict(zip(names, free_ports(len(names)), strict=True)), {})
    first, *others = cores()
    start_nginx(stack, site, "origin", others[:1])
    peer = start_nginx(stack, site, "peer", [first])
    for name in ("vmsd", "auth"):
        command = [
            sys.executable,
            str(HERE / "hls_server.py"),
            address(site, "origin"),
            str(site.ports[name]),
        ]
        site.pids[name] = (spawn(stack, command, [first]),)
    site.pids |= dict.fromkeys(("asking", "cached", "plain"), (peer,))
    site.pids["guarded"] = peer, *site.pids["auth"]
    for name in names:
        wait_for(site.ports[name])
    return site


def cores() -> list[int]:
    """The core of the servers under test, then those of everybody else."""
    mine = sorted(os.sched_getaffinity(0))
    return [mine[0], *(mine[1:] or mine)]


def address(site: Site, name: str) -> str:
    return f"http://127.0.0.1:{site.ports[name]}"


def write_files(files: Path) -> None:
    """Cameras `cam0`.. of 200 KB segments for the grid, and one camera per size for the rest."""
    for name, size in SIZES.items():
        folder = files / name.replace(" ", "")
        folder.mkdir(parents=True)
        (folder / f"{PREFIX}0.mp4").write_bytes(os.urandom(size))
        for number in range(1, 8):
            os.link(folder / f"{PREFIX}0.mp4", folder / f"{PREFIX}{number}.mp4")
    for camera in range(CAMERAS):
        folder = files / f"cam{camera}"
        folder.mkdir()
        (folder / "video1_stream.m3u8").write_text(PLAYLIST)
        for number in range(100):
            os.link(files / f"200KB/{PREFIX}0.mp4", folder / f"{PREFIX}{number}.mp4")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start_nginx(stack: contextlib.ExitStack, site: Site, name: str, on: list[int]) -> int:
    """The pid of the one worker."""
    values = {key.upper(): str(port) for key, port in site.ports.items()}
    values |= {"ROOT": str(site.root), "TOKEN": token()}
    text = (HERE / f"hls_nginx_{name}.conf").read_text()
    text = re.sub(r"@(\w+)@", lambda match: values[match[1]], text)
    if os.geteuid() == 0:
        text = "user root;\n" + text
    conf = site.root / f"{name}.conf"
    conf.write_text(text)
    master = spawn(stack, ["nginx", "-p", str(site.root), "-e", str(site.root / f"{name}.error"), "-c", str(conf)], on)
    return until(lambda: worker_of(master))


def worker_of(master: int) -> int | None:
    for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        if b"worker process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def spawn(stack: contextlib.ExitStack, command: list[str], on: list[int]) -> int:
    """Starts a process on the given cores and stops it when the stack unwinds."""
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    process = subprocess.Popen(["taskset", "-c", ",".join(map(str, on)), *command], env=env, stdin=subprocess.DEVNULL)
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    return process.pid


def until(found, deadline_s=10.0):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    raise TimeoutError("a server of the benchmark did not come up")


def wait_for(port: int) -> None:
    def connects() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    until(connects)


# Saturated: as many segments as one core gives


def saturated_rows(site: Site) -> list[dict]:
    script = site.root / "segments.lua"
    script.write_text(
        "local n = 0\n"
        "request = function()\n"
        "  n = (n + 1) % 8\n"
        f'  return wrk.format("GET", wrk.path .. "/{PREFIX}" .. n .. ".mp4?token={token()}")\n'
        "end\n"
    )
    rows = []
    for figure, connections, size, goal in SATURATED:
        names = ("vmsd", "guarded", "cached", "plain") if size == "1 MB" else ("vmsd", "guarded")
        cost = saturated_cost(site, script, names, connections, size.replace(" ", ""))
        rows.append(row(figure, goal, cost["vmsd"], cost["guarded"]))
        rows += [row(figure, None, cost["vmsd"], cost[each], peer_name=OTHERS[each]) for each in OTHERS if each in cost]
    return rows


def saturated_cost(site: Site, script: Path, names, connections: int, camera: str) -> dict[str, float]:
    """CPU milliseconds per segment, the median of interleaved rounds."""
    seen: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name in names:
            for each, spent in one_round(site, script, name, connections, camera).items():
                seen.setdefault(each, []).append(spent)
    return {name: statistics.median(values) for name, values in seen.items()}


def one_round(site: Site, script: Path, name: str, connections: int, camera: str) -> dict[str, float]:
    url = f"{address(site, name)}/hls/stream_{camera}"
    for number in range(8):
        get(f"{url}/{PREFIX}{number}.mp4?token={token()}")
    threads = min(2, max(1, len(cores()) - 2))
    on = ",".join(map(str, cores()[-threads:]))
    command = ["taskset", "-c", on, "wrk", f"-t{threads}", f"-c{connections}", "-d1s", "-s", str(script), url]
    spent, text = measured(site, name, command)
    if "Non-2xx" in text:
        raise RuntimeError(f"{name} refused segments:\n{text}")
    segments = int(re.search(r"(\d+) requests in", text)[1])
    return {each: total / segments for each, total in spent.items()}


def measured(site: Site, name: str, command: list[str], *, ready=False) -> tuple[dict[str, float], str]:
    """What a load cost a candidate, from its first line on when `ready`, and what it printed."""
    names = (name, "asking") if name == "guarded" else (name,)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        if ready:
            load.stdout.readline()
        before = {each: site.cpu_ms(each) for each in names}
        text = load.stdout.read()
    if load.returncode:
        raise RuntimeError(f"the load on {name} failed")
    return {each: site.cpu_ms(each) - before[each] for each in names}, text


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        return answer.read()


# Paced: 40 guards, 16 tiles each, every segment new to all of them


def grid_rows(site: Site) -> list[dict]:
    site.asked()
    seen = {}
    for first, (name, playlists) in enumerate(itertools.product(("vmsd", "guarded"), (True, False))):
        seen[name, playlists] = grid(site, name, 10 * first + 10, playlists=playlists)
        if name == "vmsd":
            until(lambda: (site.root / "origin.log").stat().st_size)
            asked = site.asked()
    rows = []
    for playlists, figure in ((True, "with playlists"), (False, "segments alone")):
        vmsd, peer = seen["vmsd", playlists], seen["guarded", playlists]
        name = f"CPU per segment, 16-tile grid, 40 viewers, paced, {figure}"
        rows.append(row(name, 0.5, vmsd["vmsd"], peer["guarded"]))
        rows.append(row(name, None, vmsd["vmsd"], peer["asking"], peer_name=OTHERS["asking"]))
        rows.append(
            row(
                f"p99 of a segment in that grid, {figure}",
                None,
                vmsd["p99_ms"],
                peer["p99_ms"],
                unit="ms",
                limit=10.0,
            )
        )
    most = max(count for uri, count in asked.items() if PREFIX in uri)
    rows.append(row("upstream requests per segment, 40 viewers", 1, most, 1, unit="requests", peer_name="one fetch"))
    return rows


def grid(site: Site, name: str, first: int, *, playlists: bool) -> dict[str, float]:
    """CPU per segment shown, its playlist included when they are asked for."""
    order = {
        "port": site.ports[name],
        "segments": 2,
        "segment_s": 2.0,
        "viewers": 40,
        "cameras": CAMERAS,
        "first": first,
        "playlists": playlists,
        "playlist": f"/hls/stream_cam{{camera}}/video1_stream.m3u8?token={token()}",
        "segment": f"/hls/stream_cam{{camera}}/{PREFIX}{{number}}.mp4?token={token()}",
    }
    on = ",".join(map(str, cores()[1:]))
    command = ["taskset", "-c", on, sys.executable, str(HERE / "hls_grid.py"), json.dumps(order)]
    spent, text = measured(site, name, command, ready=True)
    result = json.loads(text)
    cost = {each: total / result["segments"] for each, total in spent.items()}
    return {**cost, "p99_ms": result["p99_ms"]}


if __name__ == "__main__":
    for each in run():
        print(each)

"""A whole box for a test: QEMU with its own disk, firmware and network of one forwarded port; no KVM needed.

It ends by itself: after `lifetime_s` at the latest, and when the test does. One runs at a time on this computer.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

MIB, GIB = 1 << 20, 1 << 30
FIRMWARE = Path("/usr/share/OVMF")
SITE_AT, ESP_AT = 1 * MIB, 65 * MIB
"""Where the FAT partitions begin."""
STATE_AT, STATE_GIB = (1 + 64 + 128 + 2 * 2048) * MIB, 4
GRUB_CONFIG, GRUBENV = "EFI/debian/grub.cfg", "EFI/debian/grubenv"
ARGUMENTS = "console=ttyS0,115200 console=tty0"
SHELL = "systemd.debug_shell=ttyS1"
SHOWN = "console=tty0 console=ttyS0,115200 systemd.show_status=no printk.time=1 panic=-1 mitigations=off"
PROMPT_S = 20


class Machine:
    """`disk` is a copy of the image, grown to `disk_gib`; give it a folder of its own."""

    def __init__(self, image: Path, folder: Path, *, disk_gib: float = 24, lifetime_s: int = 1800) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.lifetime_s = folder, lifetime_s
        self.disk, self.variables = folder / "disk.img", folder / "variables.fd"
        self.console_log, self.started_at = folder / "console.log", 0.0
        self.second_disk: Path | None = None
        self.port = self._qemu_pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._shell: socket.socket | None = None
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        os.truncate(self.disk, int(disk_gib * GIB))
        self._add_arguments()

    # The disk, while the machine is off.

    def put_site(self, name: str, text: str) -> None:
        file = self.folder / "put"
        file.write_text(text, "utf-8")
        _mtools("mcopy", "-o", "-i", f"{self.disk}@@{SITE_AT}", str(file), f"::/{name}")

    def read_site(self, name: str) -> str:
        """Empty when there is no such file."""
        return _mtools("mtype", "-i", f"{self.disk}@@{SITE_AT}", f"::/{name}", check=False).decode("utf-8", "replace")

    def read_esp(self, name: str) -> bytes:
        return _mtools("mtype", "-i", f"{self.disk}@@{ESP_AT}", f"::/{name}")

    def write_esp(self, name: str, content: bytes) -> None:
        file = self.folder / "put"
        file.write_bytes(content)
        _mtools("mcopy", "-o", "-i", f"{self.disk}@@{ESP_AT}", str(file), f"::/{name}")

    def grubenv(self) -> dict[str, str]:
        lines = self.read_esp(GRUBENV).decode("ascii").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def change_grubenv(self, **values: str) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in {**self.grubenv(), **values}.items())
        self.write_esp(GRUBENV, f"# GRUB Environment Block\n{lines}".encode().ljust(1024, b"#"))

    def has_site(self, name: str) -> bool:
        return name in _mtools("mdir", "-b", "-i", f"{self.disk}@@{SITE_AT}", "::/").decode().replace("::/", "").split()

    def disk_bytes(self, at: int, count: int) -> bytes:
        with self.disk.open("rb") as disk:
            disk.seek(at)
            return disk.read(count)

    def wipe_state(self) -> None:
        """Not a byte of its file system is left."""
        place = ["--offset", str(STATE_AT), "--length", str(STATE_GIB * GIB)]
        subprocess.run(["fallocate", "--punch-hole", *place, self.disk], check=True)

    def add_disk(self, size_gib: float, label: str) -> Path:
        """A second disk, formatted."""
        self.second_disk = self.folder / "second.img"
        with self.second_disk.open("wb") as file:
            file.truncate(int(size_gib * GIB))
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-L", label, self.second_disk], check=True)
        return self.second_disk

    def _add_arguments(self) -> None:
        """A root shell at the second serial port, and more words at the first; the image itself has neither."""
        text = self.read_esp(GRUB_CONFIG).decode()
        assert ARGUMENTS in text
        self.write_esp(GRUB_CONFIG, text.replace(ARGUMENTS, f"{SHOWN} {SHELL}").encode())

    # Its life.

    def start(self, *, clock: str = "utc", secure_boot: bool = False) -> Self:
        """`clock` is "utc" or a moment such as "1970-01-01T00:00:10"."""
        assert self._process is None, "it runs already"
        self._take_turn()
        self.port = _free_port()
        kind = "secboot" if secure_boot else ""
        code = FIRMWARE / ("OVMF_CODE_4M.ms.fd" if kind else "OVMF_CODE_4M.fd")
        shutil.copyfile(FIRMWARE / ("OVMF_VARS_4M.ms.fd" if kind else "OVMF_VARS_4M.fd"), self.variables)
        words: list[str | Path] = [
            "timeout",
            "--kill-after=5",
            str(self.lifetime_s),
            "nice",
            "-n",
            "5",
            "qemu-system-x86_64",
        ]
        words += ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2G"]
        words += ["-M", "q35,smm=on" if kind else "q35", "-nodefaults", "-display", "none", "-rtc", f"base={clock}"]
        words += ["-global", "ICH9-LPC.noreboot=false", "-device", "virtio-rng-pci"]
        words += ["-drive", f"if=pflash,format=raw,readonly=on,file={code}"]
        words += ["-drive", f"if=pflash,format=raw,file={self.variables}"]
        for disk in (self.disk, self.second_disk):
            if disk is not None:
                words += ["-drive", f"file={disk},if=virtio,format=raw,cache=writeback,discard=unmap"]
        words += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:443"]
        words += ["-device", "virtio-net-pci,netdev=net", "-no-reboot"]
        for number, log in ((0, f",logfile={self.console_log},logappend=on"), (1, "")):
            path = self.folder / f"serial{number}"
            path.unlink(missing_ok=True)
            words += ["-chardev", f"socket,id=s{number},path={path},server=on,wait=off{log}"]
            words += ["-serial", f"chardev:s{number}"]
        words += ["-monitor", "none"]
        self.started_at = time.monotonic()
        with (self.folder / "qemu.log").open("ab") as said:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        return self

    def seconds(self) -> float:
        """Since power-on."""
        return time.monotonic() - self.started_at

    def power_cut(self) -> None:
        """As if the plug were pulled: what the machine has not written yet is lost."""
        if self._process is None:
            return
        for pid in (*_below(self._process.pid), self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._ended()

    def power_off(self, within_s: float = 240) -> None:
        self.ask("systemctl poweroff", check=False, wait=False)
        self.wait_off(within_s)

    def wait_off(self, within_s: float) -> None:
        """Until it went off by itself; a reboot counts, since it does not come back."""
        assert self._process is not None
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not off within {within_s} s:\n{self.console()[-3000:]}") from None
        self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        self._process = None
        if self._shell is not None:
            self._shell.close()
            self._shell = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def close(self) -> None:
        self.power_cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take_turn(self) -> None:
        self._lock = (Path(tempfile.gettempdir()) / "vmsd-test-machine.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    # What it says.

    def console(self) -> str:
        return self.console_log.read_text("utf-8", "replace") if self.console_log.exists() else ""

    def get(self, path: str, *, token: str = "", city: str = "") -> tuple[int, bytes]:
        """Status and body; 0 while nobody answers."""
        headers = {"Authorization": f"Bearer {token}", "X-City-ID": city} if token else {}
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=_trusting()) as answer:  # noqa: S310 - as above
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def health(self) -> dict[str, Any] | None:
        """None while it does not answer."""
        status, body = self.get("/health")
        found: dict[str, Any] | None = json.loads(body) if status in (200, 503) else None
        return found

    def ask(self, script: str, *, check: bool = True, wait: bool = True, within_s: float = 180) -> str:
        """In the box, as root, through the shell at its second serial port; what it said."""
        shell = self._connect(within_s)
        mark = f"done{time.monotonic_ns()}"
        shell.sendall(f"{{ {script}\n}} 2>&1; echo {mark[:4]}''{mark[4:]}=$?\n".encode())
        if not wait:
            return ""
        said = self._read_until(mark + "=", within_s)
        text, _, code = said.rpartition(mark + "=")
        assert not check or code.strip().split()[0] == "0", f"{script}:\n{text}"
        return text.replace("\r", "").strip("\n")

    def _connect(self, within_s: float) -> socket.socket:
        if self._shell is None:
            self._shell = socket.socket(socket.AF_UNIX)
            self._shell.settimeout(PROMPT_S)
            self._until(self._shell_answers, within_s, "its shell answers")
        return self._shell

    def _shell_answers(self) -> bool:
        assert self._shell is not None
        with suppress(OSError):
            self._shell.connect(str(self.folder / "serial1"))
        try:
            self._shell.sendall(
                b"stty -echo; PS1=; PS2=; export TERM=dumb SYSTEMD_PAGER= LC_ALL=C.UTF-8; echo rea''dy\n"
            )
            self._read_until("ready\r\n", PROMPT_S)
        except (OSError, AssertionError):
            return False
        return True

    def _read_until(self, mark: str, within_s: float) -> str:
        assert self._shell is not None
        end, said = time.monotonic() + within_s, b""
        while mark.encode() not in said or not said.endswith(b"\n"):
            assert time.monotonic() < end, f"no answer within {within_s} s: {said[-2000:].decode(errors='replace')}"
            with suppress(TimeoutError):
                more = self._shell.recv(65536)
                assert more, "the machine is off"
                said += more
        return said.decode("utf-8", "replace")

    def until(self, fact: Callable[[], Any], within_s: float, what: str) -> Any:
        """Until `fact` is true; what it said."""
        return self._until(fact, within_s, what)

    def until_healthy(self, within_s: float, status: str = "healthy") -> float:
        """Seconds since power-on until /health says so."""
        self._until(lambda: (self.health() or {}).get("status") == status, within_s, f"/health is {status}")
        return self.seconds()

    def _until(self, fact: Callable[[], Any], within_s: float, what: str) -> Any:
        end = time.monotonic() + within_s
        while not (found := fact()):
            assert self._process is None or self._process.poll() is None, f"it went off:\n{self.console()[-3000:]}"
            assert time.monotonic() < end, f"not within {within_s} s: {what}; {self.health()}\n{self.console()[-3000:]}"
            time.sleep(0.5)
        return found


def _mtools(*words: str, check: bool = True) -> bytes:
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    return subprocess.run(words, check=check, capture_output=True, env=environment).stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _trusting() -> ssl.SSLContext:
    """The box has a certificate of its own making."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _below(pid: int) -> list[int]:
    try:
        children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [one for child in children for one in (child, *_below(child))]

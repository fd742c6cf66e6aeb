"""What the log says, and what it never says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap
import time

import pytest

from vmsd.logs import clean, redact

SECRET = "Canari0-s3cret"
TEXTS = [
    f"rtsp://admin:{SECRET}@10.0.0.9:554/live",
    f"rtsp://admin:p@ss/{SECRET}@10.0.0.9/live",
    f"cannot open 'rtsp://{SECRET}@10.0.0.9/live': refused",
    f"GET /hls/stream_x/index.m3u8?token={SECRET}",
    f"http://10.0.0.9/cgi?channel=1&pwd={SECRET}&x=1",
    f"http://10.0.0.9/cgi?access_token={SECRET}",
    f"/city/camera?user=abc&pass={SECRET}",
    f"rtsp://10.0.0.9/user=admin_password={SECRET}_channel=1",
    f"Authorization: Bearer {SECRET}",
    f"authorization: basic {SECRET}==",
    f"{{'password': '{SECRET}', 'name': 'x'}}",
    f'{{"publish_key": "{SECRET}"}}',
    f"Login(name='x', password='{SECRET}')",
    f"the token vmsd_{SECRET}abcdefgh is no good",
    f"the page /wall/vmsdw_{SECRET}abcdefgh could not be shown",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "wrap",
    [
        str,
        lambda text: text.encode(),
        lambda text: bytearray(text.encode()),
        lambda text: [text],
        lambda text: (1, {"a": {"b": [text]}}),
        lambda text: {text: 1},
        lambda text: {text},
        ValueError,
    ],
    ids=["text", "bytes", "bytearray", "list", "deep", "key", "set", "object"],
)
def test_no_text_keeps_its_secret(text, wrap):
    written = json.dumps(redact(None, "info", {"event": "x", "what": wrap(text)}))
    assert SECRET not in written
    assert SECRET not in clean(str(wrap(text)))


@pytest.mark.parametrize("key", ["password", "token", "publish_key", "cdn_secret", "Cookie", "api-token", "PASSWORD"])
def test_no_key_that_names_a_secret_keeps_its_value(key):
    assert redact(None, "info", {key: SECRET}) == {key: "***"}
    assert redact(None, "info", {"a": {"b": [{key: SECRET.encode()}]}}) == {"a": {"b": [{key: "***"}]}}


def test_what_is_no_secret_stays_readable():
    event = {
        "event": "camera.added",
        "camera_id": "5a0b",
        "signal": "SIGTERM",
        "keyframes": 3,
        "monkey": "x",
        "design": "y",
        "url": "http://127.0.0.1:8080/camera/5a0b?channel=1",
        "ok": True,
        "none": None,
        "ratio": 0.5,
    }
    assert redact(None, "info", event) == event


@pytest.mark.parametrize("text", ["a", "/a_", "?token", "pass", "'", "http://", "a.-", "password='", "x@"])
def test_a_text_of_any_kind_is_looked_through_in_no_time(text):
    began = time.perf_counter()
    assert len(clean(text * 100_000)) < 20_000
    assert time.perf_counter() - began < 0.5


def run(code: str) -> list[dict]:
    """The lines a program logs that starts as the daemon does."""
    start = f"from vmsd.logs import set_up_logs\nimport structlog, logging\nset_up_logs('debug')\nSECRET = {SECRET!r}\n"
    program = start + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert SECRET not in done.stdout + done.stderr
    return [json.loads(line) for line in io.StringIO(done.stdout)]


def test_an_exception_is_told_without_its_secrets():
    (line,) = run("""
        def open_source(password):
            cause = KeyError(f"token='{password}'")
            raise ValueError(f"cannot open rtsp://u:{password}@h/x: {dict(password=password)}") from cause
        try:
            open_source(SECRET)
        except ValueError:
            structlog.get_logger().exception("source.failed", source=f"rtsp://u:{SECRET}@h/")
        """)
    assert line["event"] == "source.failed"
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert "open_source" in {frame["name"] for frame in line["exception"][0]["frames"]}


def test_what_libraries_log_goes_the_same_way():
    (line,) = run("""
        try:
            raise RuntimeError(f"?token={SECRET}")
        except RuntimeError:
            logging.getLogger("aiohttp.server").exception("Error handling %s", f"/x?token={SECRET}")
        logging.getLogger("aiosqlite").debug("executing %s", SECRET)
        """)
    assert line["event"] == "Error handling /x?token=***"
    assert line["level"] == "error"


def test_the_last_words_of_a_program_are_discreet_too():
    (line,) = run('raise ExceptionGroup("tasks", [ValueError(f"rtsp://u:{SECRET}@h/x")])')
    assert line["event"] == "program.failed"


def test_nobody_can_write_a_line_of_their_own():
    (line,) = run(r"""structlog.get_logger().info("x", name='a\r\n{"event": "forged"}\u2028\x1b[31m')""")
    assert line["name"].startswith("a\r\n")


def test_a_level_is_a_level():
    lines = run('structlog.get_logger().debug("a"); structlog.get_logger().info("b")')
    assert [line["event"] for line in lines] == ["a", "b"]

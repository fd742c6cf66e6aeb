"""How others reach this box: addresses, the certificate, what listens and where."""

from __future__ import annotations

import socket
import ssl
from hashlib import sha256
from ipaddress import ip_address

import psutil

from vmsd.clock import rfc3339
from vmsd.config import Settings
from vmsd.doctor.check import Box, Check, Finding, failed, passed, warned
from vmsd.host.certificate import Pair, find_pair
from vmsd.host.own_certificate import CERTIFICATE, KEY
from vmsd.host.reach import lasting_addresses
from vmsd.https import certificate_files

ANSWER_S = 3.0
SOON_DAYS = 30


def addresses(_: Box) -> Finding:
    found = lasting_addresses()
    if not found:
        return failed("this machine has no address on any network", "plug the cable in, or give it an address")
    return passed(", ".join(map(str, found)))


def certificate(box: Box) -> Finding:
    if not box.set_up.https.enabled:
        return warned("HTTPS is switched off", "switch it on, unless something before this box speaks it")
    pair = _pair(box.set_up)
    if pair is None:
        return failed("there is no certificate", "start vmsd, which makes one, or put yours into place")
    until, left = rfc3339(pair.not_after_ms)[:10], pair.expires_within_days(box.clock.wall_ms())
    said = f"until {until}, SHA-256 {pair.fingerprint}"
    if left == 0:
        return failed(
            f"the certificate has expired: {said}", "set the clock right, or put a new certificate into place"
        )
    if left is not None and not pair.made_here:
        return warned(f"the certificate expires soon: {said}", "put a new one into place: it is taken up by itself")
    return passed(said)


def _pair(settings: Settings) -> Pair | None:
    files = certificate_files(settings)
    given = find_pair(files.certificate, files.key)
    return given or find_pair(files.own / CERTIFICATE, files.own / KEY)


def https(box: Box) -> Finding:
    """What answers shows the certificate that lies in the files."""
    settings = box.set_up.https
    if not settings.enabled:
        return passed("HTTPS is switched off")
    host = settings.host if settings.host not in ("", "0.0.0.0") else "127.0.0.1"  # noqa: S104 - compared, not bound
    try:
        shown = _shown(host, settings.port)
    except TimeoutError:
        return failed(f"nobody answers over HTTPS at {host}:{settings.port}", "see vmsd.service: journalctl -u vmsd")
    except OSError as error:
        advice = "start vmsd; if it runs, see who else has that port: ss -ltnp"
        return failed(f"no HTTPS at {host}:{settings.port}: {error.strerror or error}", advice)
    pair = _pair(box.set_up)
    if pair is not None and pair.fingerprint.replace(":", "").lower() != shown:
        advice = "wait half a minute, ask again, and restart vmsd if it stays so"
        return warned(f"another certificate than the one in the files is shown at port {settings.port}", advice)
    return passed(f"port {settings.port} answers with this box's certificate")


def _shown(host: str, port: int) -> str:
    """The fingerprint of the certificate there, whoever has signed it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), ANSWER_S) as plain, context.wrap_socket(plain) as secure:
        return sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


def listeners(box: Box) -> Finding:
    """What has no business on a network listens on loopback alone."""
    mtx = box.set_up.mediamtx
    inner = {mtx.api_port, mtx.metrics_port, mtx.hls_port, mtx.webrtc_port, mtx.rtsp_port}
    found = {
        one.laddr.port
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and not _is_loopback(one.laddr.ip)
    }
    bare = sorted(inner & found)
    if bare:
        advice = "let vmsd render MediaMTX's configuration, and see who else listens there: ss -ltnp"
        return failed(
            f"ports meant for this machine alone are open to the network: {', '.join(map(str, bare))}", advice
        )
    return passed("MediaMTX's inner ports are open to this machine alone")


def _is_loopback(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


CHECKS = (
    Check("addresses", addresses),
    Check("certificate", certificate),
    Check("https", https, 6.0, "vmsd takes connections and says nothing: systemctl restart vmsd"),
    Check("listeners", listeners),
)

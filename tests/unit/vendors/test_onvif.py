"""What is made of the words of ONVIF devices, the true ones and the others."""

from __future__ import annotations

import re

import pytest

from tests.support.onvif import ENVELOPE, LAUGHS, MATCH
from vmsd.errors import Malformed
from vmsd.vendors import onvif, onvif_answers
from vmsd.vendors.plain_xml import MOST_BYTES, Element
from vmsd.vendors.ws_discovery import MOST_ELEMENTS, matches_of, probe, service_at, word

ID = "0a0b0c0d-0000-4000-8000-000000000001"
HERE = "192.0.2.20"


def matched(xaddrs: str, to: str = f"urn:uuid:{ID}", name: str = "Port%C3%A3o") -> list[str]:
    raw = MATCH.format(to=to, endpoint="ABC-1", name=name, hardware="X", xaddrs=xaddrs).encode()
    return [one.service_url for one in matches_of(raw, HERE, [ID])]


@pytest.mark.parametrize(
    ("xaddrs", "taken"),
    [
        (f"http://{HERE}/onvif/device_service", [f"http://{HERE}/onvif/device_service"]),
        (f"http://[fe80::1]/onvif http://{HERE}:8899/onvif", [f"http://{HERE}:8899/onvif"]),
        (f"http://user:secret@{HERE}:80/x", [f"http://{HERE}:80/x"]),
        ("http://192.0.2.21/onvif/device_service", []),
        ("http://169.254.169.254/latest/meta-data", []),
        ("http://127.0.0.1:9997/v3/config", []),
        (f"http://{HERE}@192.0.2.21/x", []),
        (f"http://{HERE}.example.org/x", []),
        ("http://3221226004/x", []),
        (f"ftp://{HERE}/x", []),
        (f"file:///etc/passwd http://{HERE}:99999/ http://{HERE}:0/ http://[{HERE}/", []),
        (f"http://{HERE}/a%0d%0aX:%20y", [f"http://{HERE}/a%0d%0aX:%20y"]),
        (f"http://{HERE}/\N{LATIN SMALL LETTER E WITH ACUTE}", []),
    ],
)
def test_of_what_a_device_names_only_what_lies_where_it_answered_from_is_taken(xaddrs: str, taken: list[str]) -> None:
    assert matched(xaddrs) == taken


def test_an_answer_to_nobody_s_question_is_none() -> None:
    with pytest.raises(Malformed):
        matched(f"http://{HERE}/x", to="urn:uuid:0a0b0c0d-0000-4000-8000-00000000ffff")
    assert matched(f"http://{HERE}/x", to=f"uuid:{ID.upper()}") != []


def test_an_answer_with_more_elements_than_a_search_has_time_for_is_none() -> None:
    raw = MATCH.format(to=f"urn:uuid:{ID}", endpoint="p", name="x", hardware="y", xaddrs=f"http://{HERE}/p").encode()
    assert matches_of(raw, HERE, [ID]) != []
    with pytest.raises(Malformed):
        matches_of(raw.replace(b"<e:Body>", b"<e:Body>" + b"<b/>" * MOST_ELEMENTS), HERE, [ID])


def test_a_printer_that_answers_is_no_camera() -> None:
    raw = MATCH.format(to=f"urn:uuid:{ID}", endpoint="p", name="x", hardware="y", xaddrs=f"http://{HERE}/p").encode()
    raw = raw.replace(b"dn:NetworkVideoTransmitter", b"print:Printer").replace(b"onvif://www.onvif.org", b"ldap://x")
    assert matches_of(raw, HERE, [ID]) == []


def test_the_words_of_a_stranger_are_one_short_visible_line() -> None:
    assert word("a\u202eb\x1b[31m\n\u200bc") == "a b [31m  c"
    assert word("\ufeffa\xadb\u2060\U000e0041\N{GRINNING FACE}") == "a b  \N{GRINNING FACE}"
    assert len(word("x" * 5000)) == 100


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 40,
        b"<html>404</html>",
        b"<s:Envelope",
        LAUGHS.encode(),
        ENVELOPE.format("").encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a>" * 100_000,
        b"<e>" + b"x" * (MOST_BYTES + 1) + b"</e>",
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
        bytes(range(256)) * 40,
    ],
)
def test_garbage_is_malformed_and_nothing_worse(raw: bytes) -> None:
    with pytest.raises(Malformed):
        onvif_answers.body_of(raw)


@pytest.mark.parametrize(
    "said",
    [
        "<Year>9999999999999999999</Year>",
        "<Year>2026</Year><Month>13</Month><Day>1</Day><Hour>0</Hour><Minute>0</Minute><Second>0</Second>",
        "<Year>-1</Year><Month>1</Month><Day>1</Day><Hour>0</Hour><Minute>0</Minute><Second>0</Second>",
        "<Year>\N{ARABIC-INDIC DIGIT TWO}</Year>",
        "<Year>9999</Year><Month>12</Month><Day>31</Day><Hour>23</Hour><Minute>59</Minute><Second>59</Second>",
        "<Year>1</Year><Month>1</Month><Day>1</Day><Hour>0</Hour><Minute>0</Minute><Second>0</Second>",
        "",
    ],
)
def test_a_time_that_is_none_is_unknown(said: str) -> None:
    body = onvif_answers.body_of(ENVELOPE.format(f"<x><UTCDateTime>{said}</UTCDateTime></x>").encode())
    assert onvif_answers.time_of(body).utc_ms is None


def test_profiles_beyond_reason_are_cut_and_figures_beyond_reason_unknown() -> None:
    one = (
        '<trt:Profiles token="T"><tt:Name>n</tt:Name><tt:VideoEncoderConfiguration><tt:Encoding>H264</tt:Encoding>'
        "<tt:Resolution><tt:Width>99999999999</tt:Width><tt:Height>-4</tt:Height></tt:Resolution>"
        "<tt:RateControl><tt:FrameRateLimit>1e9</tt:FrameRateLimit></tt:RateControl>"
        "</tt:VideoEncoderConfiguration></trt:Profiles>"
    )
    profiles = onvif_answers.profiles_of(onvif_answers.body_of(ENVELOPE.format(f"<r>{one * 200}</r>").encode()), "m")
    assert len(profiles) == 16
    assert (profiles[0].codec, profiles[0].width, profiles[0].height, profiles[0].fps) == ("h264", None, None, None)


def test_the_newer_media_service_tells_of_h265() -> None:
    body = (
        '<tr2:GetProfilesResponse xmlns:tr2="http://www.onvif.org/ver20/media/wsdl"><tr2:Profiles token="main">'
        "<tr2:Name>Main</tr2:Name><tr2:Configurations><tr2:VideoEncoder GovLength='50' token='v'>"
        "<tt:Name>enc</tt:Name><tt:Encoding>H265</tt:Encoding><tt:Resolution><tt:Width>3840</tt:Width>"
        "<tt:Height>2160</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>12.5</tt:FrameRateLimit>"
        "<tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl></tr2:VideoEncoder></tr2:Configurations>"
        "</tr2:Profiles></tr2:GetProfilesResponse>"
    )
    (one,) = onvif_answers.profiles_of(onvif_answers.body_of(ENVELOPE.format(body).encode()), onvif.MEDIA2)
    assert (one.codec, one.width, one.fps, one.bitrate, one.gop) == ("h265", 3840, 12.5, 4_096_000, 50)
    assert b"<q:ProfileToken>main</q:ProfileToken>" in onvif.stream_uri(one.service, one.token).envelope()


@pytest.mark.parametrize(
    "uri", ["http://192.0.2.1/x", "rtsp://[bad/x", "rtsp://a:0/x", "rtsp://a:99999/", "", "javascript:1"]
)
def test_a_stream_without_an_rtsp_address_is_none(uri: str) -> None:
    with pytest.raises(Malformed):
        onvif_answers.stream_place(Element("r", children=[Element("Uri", uri)]))


@pytest.mark.parametrize(
    ("said", "mac"),
    [
        ("00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e"),
        ("001A2B3C4D5E", "00:1a:2b:3c:4d:5e"),
        ("00:00:00:00:00:00", ""),
        ("ff:ff:ff:ff:ff:ff", ""),
        ("not a mac", ""),
    ],
)
def test_a_network_card_has_one_spelling(said: str, mac: str) -> None:
    assert onvif_answers.clean_mac(said) == mac


def test_tokens_and_zones_of_a_device_cannot_leave_their_element() -> None:
    evil = "</q:ProfileToken><q:Evil/>"
    assert b"<q:Evil/>" not in onvif.stream_uri(onvif.MEDIA, evil).envelope()
    assert b"<q:Evil/>" not in onvif.set_time(0, "<q:Evil/>", daylight=False).envelope()
    assert b"<q:Evil/>" not in onvif.INFORMATION.envelope(onvif.username_token("<q:Evil/>", "x", 0, b"n"))


def test_the_password_is_in_no_message() -> None:
    said = onvif.INFORMATION.envelope(onvif.username_token("admin", "segredo", 1_800_000_000_000, b"0" * 20))
    assert b"segredo" not in said
    assert re.search(rb"<u:Created>2027-01-15T08:00:00.000Z</u:Created>", said)
    assert b"Types>dn:NetworkVideoTransmitter<" in probe(ID)
    assert b"Types" not in probe(ID, any_type=True)


def test_a_service_is_called_at_the_address_that_is_known_whoever_it_names() -> None:
    assert service_at("http://evil.example/snap.jpg?x=1", HERE) == f"http://{HERE}/snap.jpg?x=1"
    assert service_at("https://10.0.0.1:8443/s", "2001:db8::1") == "https://[2001:db8::1]:8443/s"
    assert service_at("http://x/a b", HERE) is None

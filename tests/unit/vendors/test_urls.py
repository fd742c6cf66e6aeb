"""Addresses of sources survive every password, and nothing odd gets through to MediaMTX."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmsd.errors import Invalid
from vmsd.vendors import generic, hikvision, intelbras
from vmsd.vendors.place import Place
from vmsd.vendors.urls import SourceUrl, mask, parse

_PLAIN = SourceUrl("rtsp", "10.0.0.9", 554, "/live")
_LETTERS = st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Zs"]) | st.just(" ")
_USERS = st.text(_LETTERS.filter(lambda letter: letter != ":"), min_size=1, max_size=40)
_PASSWORDS = ["a@b", "a:b", "a/b", "a#b", "a%b", "a?b", "a b", "aéb", "%41", "p@ss:w/1#é?", "&=+"]


@pytest.mark.parametrize(
    "password", ["a@b", "a:b", "a/b", "a#b", "a%b", "a?b", "a b", "aéb", "%41", "p@ss:w/1#é?", "&=+"]
)
def test_a_password_survives_the_round_trip(password):
    text = _PLAIN.with_credentials("admin", password).join()
    assert parse(text, "rtsp").password == password
    split = urlsplit(text)
    assert (split.hostname, split.port, unquote(split.password or "")) == ("10.0.0.9", 554, password)


@given(_USERS, st.text(_LETTERS, min_size=1))
def test_every_user_and_password_survive_the_round_trip(username, password):
    url = _PLAIN.with_credentials(username, password[:100])
    assert parse(url.join(), "rtsp") == url


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ("rtsp://10.0.0.9/live", "rtsp"),
        ("rtsps://10.0.0.9:322/live", "rtsp"),
        ("rtsp://admin:senha@camera-3.prefeitura.lan:8554/cam/realmonitor?channel=1&subtype=0", "rtsp"),
        ("rtsp://[fd00::9]:554/live", "rtsp"),
        ("rtmp://10.0.0.9/app/stream", "rtmp"),
        ("https://10.0.0.9/a/index.m3u8?x=1", "http"),
        ("http://10.0.0.9", "http"),
    ],
)
def test_a_good_address_is_left_as_it_is(text, protocol):
    assert parse(text, protocol).join() == text


def test_an_at_sign_pasted_raw_in_a_password_is_understood():
    url = parse("rtsp://admin:p@ss@10.0.0.9/live", "rtsp")
    assert (url.host, url.password) == ("10.0.0.9", "p@ss")
    assert url.join() == "rtsp://admin:p%40ss@10.0.0.9/live"


@pytest.mark.parametrize(
    ("text", "protocol"),
    [
        ("", "rtsp"),
        ("10.0.0.9/live", "rtsp"),
        ("http://10.0.0.9/live", "rtsp"),
        ("rtsp://10.0.0.9/live", "rtmp"),
        ("rtsp://10.0.0.9/live", "http"),
        ("rtsp://10.0.0.9/live", "p2p"),
        ("file:///etc/passwd", "http"),
        ("rtsp:///live", "rtsp"),
        ("rtsp://:554/live", "rtsp"),
        ("rtsp://10.0.0.9:0/live", "rtsp"),
        ("rtsp://10.0.0.9:65536/live", "rtsp"),
        ("rtsp://10.0.0.9:abc/live", "rtsp"),
        ("rtsp://10.0.0.9:-1/live", "rtsp"),
        ("rtsp://admin@10.0.0.9/live", "rtsp"),
        ("rtsp://admin:@10.0.0.9/live", "rtsp"),
        ("rtsp://:senha@10.0.0.9/live", "rtsp"),
        ("rtsp://@10.0.0.9/live", "rtsp"),
        ("rtsp://a:b%0ac@10.0.0.9/live", "rtsp"),
        ("rtsp://10.0.0.9/li ve", "rtsp"),
        ("rtsp://10.0.0.9/live\n", "rtsp"),
        ("rtsp://10.0.0.9/live\x00", "rtsp"),
        ("rtsp://10.0.0.9/li\tve", "rtsp"),
        ("rtsp://10.0.0.9/live\u2028", "rtsp"),
        ("rtsp://10.0.0.9/live#x", "rtsp"),
        ("rtsp://10.0.0.9/live\ud800", "rtsp"),
        ("rtsp://a:\ud800@10.0.0.9/live", "rtsp"),
        ("rtsp://host name/live", "rtsp"),
        ("rtsp://-host/live", "rtsp"),
        ("rtsp://ho$t/live", "rtsp"),
        ("rtsp://ﬁo/live", "rtsp"),
        ("rtsp://[fd00::9/live", "rtsp"),
        ("rtsp://[not:an:ip]/live", "rtsp"),
        ("rtsp://10.0.0.9/" + "a" * 2000, "rtsp"),
        (f"rtsp://a:{'b' * 129}@10.0.0.9/live", "rtsp"),
    ],
)
def test_an_odd_address_is_refused_at_its_field(text, protocol):
    with pytest.raises(Invalid) as refused:
        parse(text, protocol)
    assert [problem.pointer for problem in refused.value.problems] == ["/source_url"]
    assert "senha" not in f"{refused.value}{refused.value.problems}"


@given(st.text(max_size=80))
def test_any_text_is_either_an_address_or_refused(text):
    try:
        url = parse("rtsp://" + text, "rtsp")
    except Invalid:
        return
    assert parse(url.join(), "rtsp") == url


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("rtsp://10.0.0.9/live", "rtsp://10.0.0.9/live"),
        ("rtsp://admin:segredo@10.0.0.9/live", "rtsp://***@10.0.0.9/live"),
        ("rtsp://admin:segre/do@10.0.0.9/live", "rtsp://***@10.0.0.9/live"),
        ("rtsp://admin:a@b#segredo@10.0.0.9/live", "rtsp://***@10.0.0.9/live"),
        ("rtmp://10.0.0.9/app?user=u&pass=segredo&x=1", "rtmp://10.0.0.9/app?user=***&pass=***&x=1"),
        ("http://10.0.0.9/a?Token=segredo", "http://10.0.0.9/a?Token=***"),
        ("http://10.0.0.9/a?x=1;api_key=segredo#f", "http://10.0.0.9/a?x=1;api_key=***#f"),
        ("admin:segredo@10.0.0.9", "***@10.0.0.9"),
    ],
)
def test_a_masked_address_shows_no_secret(url, masked):
    assert mask(url) == masked
    assert "segre" not in mask(url)


def test_a_url_shown_by_accident_shows_no_password():
    assert "segredo" not in repr(_PLAIN.with_credentials("admin", "segredo"))


@pytest.mark.parametrize(
    ("channel", "subtype", "path"),
    [(1, 0, "channel=1&subtype=0"), (1, 1, "channel=1&subtype=1"), (12, 0, "channel=12&subtype=0")],
)
def test_intelbras_addresses(channel, subtype, path):
    url = intelbras.source_url(Place("10.0.0.9", 554, channel, subtype)).with_credentials("admin", "a@b")
    assert url.join() == f"rtsp://admin:a%40b@10.0.0.9:554/cam/realmonitor?{path}"
    assert parse(url.join(), "rtsp") == url


@pytest.mark.parametrize(
    ("channel", "subtype", "number"), [(1, 0, 101), (1, 1, 102), (2, 0, 201), (2, 1, 202), (16, 1, 1602)]
)
def test_hikvision_addresses(channel, subtype, number):
    url = hikvision.source_url(Place("camera.lan", 8554, channel, subtype))
    assert url.join() == f"rtsp://camera.lan:8554/Streaming/Channels/{number}"


def test_a_template_makes_an_address():
    place = Place("fd00::9", 8554, 3, 1)
    url = generic.source_url(place, "rtsp://{host}:{port}/ch{channel}?s={subtype}")
    assert url.join() == "rtsp://[fd00::9]:8554/ch3?s=1"


@pytest.mark.parametrize("template", ["rtsp://{host}/{password}", "rtsp://{host}/{", "rtsp://{host.__class__}/"])
def test_a_template_knows_its_fields_only(template):
    with pytest.raises(Invalid) as refused:
        generic.source_url(Place("10.0.0.9"), template)
    assert refused.value.problems[0].pointer == "/template"


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        ({"host": ""}, "/host"),
        ({"host": "a/b"}, "/host"),
        ({"host": "a@b"}, "/host"),
        ({"host": "10.0.0.9", "port": 0}, "/port"),
        ({"host": "10.0.0.9", "port": 65_536}, "/port"),
        ({"host": "10.0.0.9", "channel": 0}, "/channel"),
        ({"host": "10.0.0.9", "channel": 257}, "/channel"),
        ({"host": "10.0.0.9", "subtype": 3}, "/subtype"),
        ({"host": "10.0.0.9", "subtype": -1}, "/subtype"),
    ],
)
def test_a_place_out_of_range_is_refused_at_its_field(place, pointer):
    with pytest.raises(Invalid) as refused:
        Place(**place)
    assert refused.value.problems[0].pointer == pointer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "rtsp://h:554/user=admin_password=tl_J/wp_channel=1_stream=0.sdp?real_stream",
            "rtsp://h:554/user=***_password=***_channel=1_stream=0.sdp?real_stream",
        ),
        ("rtsp://h/user=admin&password=se_cret&channel=1", "rtsp://h/user=***&password=***&channel=1"),
        ("http://h/cgi?a=1&pwd=b/c?d_x=e&x=1", "http://h/cgi?a=1&pwd=***&x=1"),
        ("rtsp://h/cam/realmonitor?channel=1&subtype=0", "rtsp://h/cam/realmonitor?channel=1&subtype=0"),
    ],
)
def test_a_password_in_the_path_is_masked_like_one_in_the_query(url: str, shown: str):
    assert mask(url) == shown

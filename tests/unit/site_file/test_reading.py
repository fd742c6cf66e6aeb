"""Every mistake in a site file is told of at once, with its line and its field, in both languages."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from vmsd.site_file.reading import read_site
from vmsd.site_file.result import Result
from vmsd.site_file.without_secrets import digest_of, text_without_secrets
from vmsd.site_file.words import DETAILS, TEXTS

EXAMPLE = Path(__file__).parents[3] / "packaging/deb/files/site.toml.example"
TOKEN = "vmsd_kJ3nS8dQ2wX7zB5vM1cL9pR4tY6uI0oA-eF_gHqWxZ1"
SSH_DATA = "AAAAC3NzaC1lZDI1NTE5AAAAIJ3nS8dQ2wX7zB5vM1cL9pR4tY6uI0oAeFgHqWxZ1abc"
GOOD = '[site]\nname = "Centro"\n[city]\nname = "Aqui"\nplan = "basic"\n'
CAMERA = '[[camera]]\nname = "{name}"\nsource_url = "rtsp://192.0.2.9/live"\n'


def wrong(folder: Path, text: str | bytes, **beside: str) -> list[tuple[int, str, str]]:
    """Line, field and kind of each mistake."""
    raw = text.encode() if isinstance(text, str) else text
    (folder / "site.toml").write_bytes(raw)
    for name, content in beside.items():
        (folder / name.replace("_", ".")).write_text(content, "utf-8")
    reading = read_site(folder / "site.toml")
    assert (reading.site is None) == bool(reading.problems)
    for problem in reading.problems:
        for language in ("pt_BR", "en"):
            said = problem.text(language)
            assert "{" not in said.replace("{ lat", ""), said
            assert said.startswith(problem.file)
    return [(one.line, one.field, one.code) for one in reading.problems]


def test_a_good_file_has_nothing_wrong_with_it(tmp_path: Path):
    assert wrong(tmp_path, GOOD) == []


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path):
    text = (
        "[site]\nname = Centro\nfuso = 1\n[city]\nname = \"Aqui\"\nplan = 'gold'\n[netwrk]\n[network]\n"
        'address = "192.168.0.7"\n[[camera]]\nname = "a"\n[[camera]]\nname = "b"\nchannel = "1"\nhost = "x y"\n'
    )
    assert wrong(tmp_path, text) == [
        (2, "", "syntax_value"),
        (3, "[site] fuso", "extra_forbidden"),
        (6, "[city] plan", "literal_error"),
        (7, "netwrk", "extra_forbidden"),
        (9, "[network] address", "address_mask"),
        (10, "[[camera]] 1: source_url", "said"),
        (12, "[[camera]] 2: source_url", "said"),
        (14, "[[camera]] 2: channel", "int_type"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [(0, "", "missing_section"), (0, "", "missing_section")]),
        ('[site]\nname = "a"\n[city]\nname = "b"', [(3, "[city] plan", "missing")]),
        (GOOD.replace("Centro", ""), [(2, "[site] name", "string_too_short")]),
        (GOOD.replace("Centro", "x" * 101), [(2, "[site] name", "string_too_long")]),
        (GOOD.replace("Centro", "a\u202eb"), [(2, "[site] name", "string_pattern_mismatch")]),
        (GOOD.replace('"Centro"', "1"), [(2, "[site] name", "string_type")]),
        (GOOD.replace("[city]", '[site.x]\n[city]\ntime_zone = "a"'), None),
        (GOOD.replace("[city]", 'time_zone = "Sao Paulo"\n[city]'), [(3, "[site] time_zone", "zone")]),
        (GOOD.replace("[city]", 'language = "pt-BR"\n[city]'), [(3, "[site] language", "literal_error")]),
        (GOOD + '[admin]\nname = "a"\npassword = "curta"', [(8, "[admin] password", "weak_password")]),
        (GOOD + '[admin]\nname = "a"\npassword = "aaaaaaaaaaaa"', [(8, "[admin] password", "weak_password")]),
        (GOOD + '[network]\naddress = "192.168.0.0/24"', [(7, "[network] address", "address_kind")]),
        (GOOD + '[network]\naddress = "192.168.0.255/24"', [(7, "[network] address", "address_kind")]),
        (GOOD + '[network]\naddress = "127.0.0.1/8"', [(7, "[network] address", "address_kind")]),
        (GOOD + '[network]\naddress = "224.0.0.1/24"', [(7, "[network] address", "address_kind")]),
        (GOOD + '[network]\naddress = "192.168.0.300/24"', [(7, "[network] address", "address")]),
        (
            GOOD + '[network]\naddress = "10.0.0.2/24"\ngateway = "10.0.1.1"',
            [(8, "[network] gateway", "gateway_outside")],
        ),
        (GOOD + '[network]\naddress = "10.0.0.2/24"\ngateway = "10.0.0.2"', [(8, "[network] gateway", "gateway_self")]),
        *(
            (
                f'{GOOD}[network]\naddress = "10.0.0.2/24"\ngateway = "10.0.0.{last}"',
                [(8, "[network] gateway", "address_kind")],
            )
            for last in (0, 255)
        ),
        (
            GOOD + '[network]\naddress = "10.0.0.2/24"\ndns = ["127.0.0.1"]\nntp = ["0.0.0.0"]',
            [(8, "[network] dns.1", "address_kind"), (9, "[network] ntp.1", "address_kind")],
        ),
        (GOOD + '[network]\ngateway = "10.0.0.1"', [(7, "[network] gateway", "dhcp_alone")]),
        (GOOD + '[network]\naddress = "DHCP"\ndns = ["10.0.0.1"]', [(8, "[network] dns", "dhcp_alone")]),
        (GOOD + '[network]\ndns = "10.0.0.1"', [(7, "[network] dns", "tuple_type")]),
        (GOOD + '[network]\naddress = "10.0.0.2/24"\ndns = ["um"]', [(8, "[network] dns.1", "one_address")]),
        (GOOD + '[network]\nntp = ["a b"]', [(7, "[network] ntp.1", "host")]),
        (GOOD + '[network]\nntp = ["10.0.0.300"]', [(7, "[network] ntp.1", "host")]),
        (GOOD + '[network]\ninterface = "../../etc"', [(7, "[network] interface", "string_pattern_mismatch")]),
        (
            GOOD + '[network]\ninterface = "e0"\n[network.cameras]\ninterface = "e0"\naddress = "10.0.0.1/24"',
            [(8, "[network] cameras", "cameras_interface")],
        ),
        (
            GOOD + '[network]\naddress = "10.0.0.2/8"\n[network.cameras]\ninterface = "e0"\naddress = "10.1.0.1/24"',
            [(8, "[network] cameras", "cameras_overlap")],
        ),
        (GOOD + 'network = "dhcp"', [(6, "[city] network", "extra_forbidden")]),
        ('network = "dhcp"\n' + GOOD, [(1, "network", "section_type")]),
        (GOOD + '[central]\ntoken = "vmsd_123"', [(7, "[central] token", "token")]),
        (GOOD + '[central]\ntoken = "vmsd_' + "a" * 43 + '"', [(7, "[central] token", "token")]),
        (GOOD + '[ssh]\nkey = "ssh-ed25519 curta"', [(7, "[ssh] key", "ssh_key")]),
        *(
            (f'{GOOD}[ssh]\nkey = "{kind} {data}"', [(7, "[ssh] key", "ssh_key")])
            for kind, data in (
                ("ssh-ed25519", SSH_DATA[:-8]),
                ("ssh-rsa", SSH_DATA),
                ("ssh-ed25519", SSH_DATA + "AAAA"),
            )
        ),
        (GOOD + '[backup]\nrecipient = "age1qqqq"', [(7, "[backup] recipient", "recipient")]),
        (GOOD + '[cameras]\nfile = "../c.csv"', [(7, "[cameras] file", "file_name")]),
        (GOOD + '[cameras]\nfile = "falta.csv"', [(7, "[cameras] file", "file_missing")]),
        (GOOD + "[[camera]]\n", [(6, "[[camera]] 1: name", "missing"), (6, "[[camera]] 1: source_url", "said")]),
        (GOOD + '[camera]\nname = "a"', [(6, "camera", "cameras_type")]),
        (GOOD + CAMERA.format(name="a") * 2, [(9, "[[camera]] 2: name", "name_twice")]),
        (GOOD + CAMERA.format(name="a") + 'username = "u"', [(6, "[[camera]] 1: password", "said")]),
        (GOOD + CAMERA.format(name="a") + 'password = "u"', [(9, "[[camera]] 1: username", "said")][:0] or None),
        (GOOD + CAMERA.format(name="a") + 'vendor = "sony"', [(9, "[[camera]] 1: vendor", "said")]),
        (GOOD + CAMERA.format(name="a") + 'senha = "x"', [(9, "[[camera]] 1: senha", "extra_forbidden")]),
        (GOOD + CAMERA.format(name="a") + "location = { lat = 91 }", None),
        (GOOD + CAMERA.format(name="a").replace("rtsp:", "http:"), [(8, "[[camera]] 1: source_url", "said")]),
        (GOOD + CAMERA.format(name="\\u200b"), None),
        (GOOD + "name", [(6, "", "syntax")]),
        (GOOD + "[admin\nname = 1", [(6, "", "syntax_header")]),
        (GOOD + 'x = "aberto', [(6, "", "syntax_open")]),
        (GOOD + "x = “Centro”", [(6, "", "syntax_quotes")]),
        (GOOD + 'name = "outra"', [(6, "", "syntax_twice")]),
        (GOOD + '[city]\nname = "outra"', [(6, "", "syntax_twice")]),
        (GOOD + "x = [1,\n2", None),
    ],
)
def test_each_mistake_is_found_where_it_stands(tmp_path: Path, text: str, found: list[tuple[int, str, str]] | None):
    mistakes = wrong(tmp_path, text)
    assert mistakes, "this is no good file"
    if found is not None:
        assert mistakes == found


def test_files_of_all_programs_are_read(tmp_path: Path):
    text = GOOD.replace("Aqui", "São João").replace("\n", "\r\n")
    for raw in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("cp1252")):
        assert wrong(tmp_path, raw) == []
        site = read_site(tmp_path / "site.toml").site
        assert site is not None
        assert site.city.name == "São João"
    assert wrong(tmp_path, b"MZ\0\0") == [(0, "", "file_no_text")]
    assert wrong(tmp_path, b"#" * 2_000_000) == [(0, "", "file_large")]


def test_the_list_of_cameras_beside_it_is_checked_line_by_line(tmp_path: Path):
    text = GOOD + '[cameras]\nfile = "c.csv"\n' + CAMERA.format(name="Rua")
    table = "name,vendor,host,username,password,channel\nA,intelbras,192.0.2.1,u,p,1\nRua,sony,192.0.2.1,,,um\nB,,,,,\n"
    assert wrong(tmp_path, text, c_csv=table) == [
        (3, "channel", "int_parsing"),
        (3, "vendor", "said"),
        (3, "name", "name_twice"),
        (4, "source_url", "said"),
    ]
    table = "name;source_url\nRua;rtsp://192.0.2.1/x\n"
    assert wrong(tmp_path, text, c_csv=table) == [(2, "name", "name_twice")]
    assert wrong(tmp_path, text, c_csv="name\n") == [(0, "", "file_empty")]
    assert wrong(tmp_path, text, c_csv="name\na,b\n") == [(2, "", "csv_cells")]
    text = GOOD + '[cameras]\nfile = "c.toml"\n'
    assert wrong(tmp_path, text, c_toml='[[camera]]\nname = "a"\n\n[[camera]]\nhost = "h"\n') == [
        (1, "source_url", "said"),
        (4, "name", "missing"),
        (4, "source_url", "said"),
    ]
    table = "name;source_url\nPraça;rtsp://192.0.2.1/x\n"
    (tmp_path / "c.csv").write_bytes(table.encode("utf-16"))
    (tmp_path / "site.toml").write_text(GOOD + '[cameras]\nfile = "c.csv"\n')
    assert [one.fields["name"] for one in read_site(tmp_path / "site.toml").rows] == ["Praça"]


def test_the_list_of_cameras_is_checked_beside_a_file_with_mistakes_too(tmp_path: Path):
    text = GOOD.replace("basic", "ouro") + '[cameras]\nfile = "c.csv"\n'
    table = "name,vendor,host,username,password\nA,sony,192.0.2.1,u,p\n"
    assert wrong(tmp_path, text, c_csv=table) == [(5, "[city] plan", "literal_error"), (2, "vendor", "said")]


FIXED = '[network]\naddress = "192.0.2.10/24"\n'
CAMERA_CARD = '[network.cameras]\ninterface = "e1"\naddress = "198.51.100.1/24"\n'


@pytest.mark.parametrize(
    ("network", "host", "good"),
    [
        (FIXED, "192.0.2.9", True),
        (FIXED, "198.51.100.9", False),
        (FIXED + 'gateway = "192.0.2.1"\n', "198.51.100.9", True),
        (FIXED + CAMERA_CARD, "198.51.100.9", True),
        (FIXED + CAMERA_CARD, "203.0.113.9", False),
        (FIXED + CAMERA_CARD, "198.51.100.1", False),
        (FIXED, "192.0.2.10", False),
        (FIXED, "192.0.2.255", False),
        (FIXED, "camera.example", True),
        (CAMERA_CARD, "203.0.113.9", True),
    ],
)
def test_a_camera_the_box_will_never_reach_is_a_mistake(tmp_path: Path, network: str, host: str, good: bool):
    camera = CAMERA.format(name="a").replace("192.0.2.9", host)
    found = wrong(tmp_path, GOOD + network + camera)
    line = (GOOD + network).count("\n") + 3
    assert found == ([] if good else [(line, "[[camera]] 1: source_url", "said")])


def test_what_is_too_large_is_not_even_read(tmp_path: Path):
    huge = tmp_path / "site.toml"
    with huge.open("wb") as opened:
        opened.truncate(64 << 30)
    assert [one.code for one in read_site(huge).problems] == ["file_large"]
    assert wrong(tmp_path, GOOD + "a." * 30_000 + "a = 1\n") == [(6, "", "line_long")]


def test_a_password_is_taken_as_it_is_typed(tmp_path: Path):
    assert wrong(tmp_path, GOOD + '[admin]\npassword = " com espaco no fim "\n') == []
    site = read_site(tmp_path / "site.toml").site
    assert site is not None
    assert site.admin.password == " com espaco no fim "


def test_no_terminal_obeys_what_stands_in_a_file(tmp_path: Path):
    keys = "".join(f'"campo{number}" = 1\n' for number in range(1200))
    wrong(tmp_path, f'"\\u001b[2J{"x" * 2000}" = 1\n{keys}{GOOD}')
    said = Result([], read_site(tmp_path / "site.toml").problems).said("pt_BR")
    assert "\x1b" not in said
    assert "?[2Jxxx" in said
    assert max(map(len, said.splitlines())) < 700
    assert said.endswith("... e mais 201.\n")


@pytest.mark.parametrize("name", ["fuso", "fusohorario", "timezone", "time_zonne"])
def test_an_unknown_field_is_named_with_the_nearest_known_one(tmp_path: Path, name: str):
    (tmp_path / "site.toml").write_text(f'[site]\n{name} = ""\nname = "a"\n[city]\nname = "b"\nplan = "pro"\n')
    (problem,) = read_site(tmp_path / "site.toml").problems
    if name != "fusohorario":
        assert problem.text("pt_BR") == f'site.toml, linha 2, [site] {name}: este campo não existe; será "time_zone"?'
        assert problem.text("en").endswith('was it meant to be "time_zone"?')


def test_no_mistake_repeats_a_secret(tmp_path: Path):
    secrets = ("canario-um", "vmsd_canario-dois", "canario-tres")
    text = (
        GOOD + f'[admin]\npassword = "{secrets[0]}"\nname = 1\n[central]\ntoken = "{secrets[1]}"\n'
        f'[[camera]]\nname = "a"\nsource_url = "rtsp://u:{secrets[2]}@a b/"\npassword = {secrets[2]}\n'
    )
    assert len(wrong(tmp_path, text)) >= 4
    reading = read_site(tmp_path / "site.toml")
    said = repr(reading.problems) + "".join(one.text("en") + one.text("pt_BR") for one in reading.problems)
    for secret in secrets:
        assert secret not in said


def test_the_example_is_good_once_it_is_filled_in(tmp_path: Path):
    text = EXAMPLE.read_text("utf-8")
    assert {field for _, field, _ in wrong(tmp_path, text)} == {"[site] name", "[city] name"}
    values = {
        "token": TOKEN,
        "key": f"ssh-ed25519 {SSH_DATA} tecnico",
        "recipient": "age1kkrwga727z9ktctngpmy50hj4hqwa5wylwevwfkhdeh9llfxu5rslqwy57",
        "password": "uma senha de teste",
        "address": "192.168.0.10/24",
        "name": "Preenchido",
    }
    text = re.sub(r"^#(?=[a-z\[][a-z_.\]\[]*( = |\]))", "", text, flags=re.MULTILINE)
    text = text.replace('"dhcp"   ', '"192.168.0.10/24"')
    for name, value in values.items():
        text = re.sub(
            rf'^{name} = "(|vmsd_\.\.\.|ssh-.*?|age1\.\.\.)"', f'{name} = "{value}"', text, flags=re.MULTILINE
        )
    table = "name,vendor,host,username,password\nA,intelbras,192.0.2.1,u,p\n"
    assert wrong(tmp_path, text, cameras_csv=table) == []
    reading = read_site(tmp_path / "site.toml")
    assert len(reading.rows) == 3
    assert reading.site is not None
    assert reading.site.ssh
    assert reading.site.network.cameras


def test_every_word_is_there_in_both_languages():
    for portuguese, english in TEXTS.values():
        assert portuguese != english
        assert portuguese
        assert english
    assert all(DETAILS.values())


@pytest.mark.parametrize(
    "fields",
    [
        'source_url = "rtsp://us%40er:segredo@192.0.2.9/live"',
        'source_url = "rtsp://192.0.2.9/live?user=a&password=segredo"',
        'source_url = "rtsp://u:segredo@192.0.2.9/1"\nsub_source_url = "rtsp://u:segredo@192.0.2.9/2"',
        'vendor = "generic"\nhost = "192.0.2.9"\nsource_url = "rtsp://u:segredo@{host}:{port}/live"',
        'vendor = "hikvision"\nhost = "192.0.2.9"\nusername = "u"\npassword = "segredo"\nchannel = 3',
    ],
)
def test_without_its_secrets_it_says_the_same(tmp_path: Path, fields: str):
    assert wrong(tmp_path, f'{GOOD}[[camera]]\nname = "a"\n{fields}\n') == []
    reading = read_site(tmp_path / "site.toml")
    bare = text_without_secrets(reading)
    assert b"segredo" not in bare
    assert wrong(tmp_path, bare) == []
    again = read_site(tmp_path / "site.toml")
    assert digest_of(again) == digest_of(reading)
    assert text_without_secrets(again) == bare
    assert [one.code for one in again.removed] == ["secret_removed"]


def test_whatever_is_typed_is_answered_with_lines_and_words(tmp_path: Path):
    """Signs left out, typed twice or wrongly: it is refused or understood, and never breaks the reader."""
    text = re.sub(r"^#(?=[a-z\[])", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    chance = random.Random(6)
    refused = 0
    for _ in range(300):
        typed = [*text]
        for _ in range(chance.randint(1, 5)):
            at, many = chance.randrange(len(typed)), chance.randint(0, 20)
            typed[at : at + many] = chance.choice(["", '"', "[", "]", "=", "#", "\n", ".", "“", "é", "\\", "{"])
        refused += bool(wrong(tmp_path, "".join(typed)))
    assert refused > 200

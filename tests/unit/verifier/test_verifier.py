"""What the verifier is made of: signatures, JSON, ZIP traps, folders, certificates, and the command."""

from __future__ import annotations

import ast
import errno
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.verifier.certificates import make_certificate
from tests.unit.verifier.package_box import OTHER, Made, encoded, make_package, signature_of, zip_of
from tests.unit.verifier.tamperings import written
from vmsd.cli import main
from vmsd.verifier import verificar

VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)
SMALL = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""Points of a small order, and the same written in other ways."""


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_signatures_of_the_standard_fit(key: str, message: str, signature: str) -> None:
    parts = [bytes.fromhex(one) for one in (key, message, signature)]
    assert verificar.signed(*parts)
    for number, part in enumerate(parts):
        for at in range(0, 8 * len(part), 23):
            flipped = bytearray(part)
            flipped[at // 8] ^= 1 << at % 8
            assert not verificar.signed(*parts[:number], bytes(flipped), *parts[number + 1 :])


def test_signatures_fit_where_another_program_says_so() -> None:
    draw = random.Random(1)
    for _ in range(200):
        private = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        public, message = private.public_key(), draw.randbytes(draw.randint(0, 300))
        signature = bytearray(private.sign(message))
        if draw.random() < 0.5:
            signature[draw.randrange(64)] ^= 1 << draw.randrange(8)
        try:
            public.verify(bytes(signature), message)
            right = True
        except InvalidSignature:
            right = False
        assert verificar.signed(public.public_bytes_raw(), message, bytes(signature)) is right


def test_a_signature_is_written_in_one_way_only() -> None:
    public, signature = OTHER.public_key().public_bytes_raw(), OTHER.sign(b"x")
    scalar = int.from_bytes(signature[32:], "little") + verificar.L
    assert not verificar.signed(public, b"x", signature[:32] + scalar.to_bytes(32, "little"))
    assert not verificar.signed(public, b"x", signature + b"\0")
    for point in map(bytes.fromhex, SMALL):
        assert not verificar.signed(point, b"x", signature)
        assert not verificar.signed(point, b"x", point + bytes(32))
        assert not verificar.signed(public, b"x", point + signature[32:])


def test_json_that_could_be_read_in_two_ways_is_not_read() -> None:
    traps = {
        b'{"a":1,"a":1}': "duplicate",
        b'{"a":{"b":1,"b":2}}': "duplicate",
        b"[" * 200_000: "deep",
        b"[" * 40 + b"]" * 40: "deep",
        b"9007199254740992": "number",
        b"1" * 100_000: "number",
        b"1e400": "number",
        b"-0": "number",
        b"NaN": "number",
        b'"\\ud800"': "letters",
        b"\xff": "letters",
        b"\xef\xbb\xbf1": "json",
        b"{": "json",
        b"": "json",
        b"'a'": "json",
    }
    for data, why in traps.items():
        with pytest.raises(verificar.Unreadable, match=why):
            verificar.read_json(data)


@pytest.mark.parametrize(
    "name",
    ["../a", "/a", "a//b", "a/./b", "a\\b", "a:b", "a.", ".a", "a ", "", "con.txt", "b/LPT1", "é", "a" * 201, "a\0"],
)
def test_a_name_that_means_something_to_some_computer_is_refused(name: str, tmp_path: Path) -> None:
    assert not verificar.safe_name(name)
    file = tmp_path / "p.zip"
    file.write_bytes(written([*make_package(1).entries().items(), (name, b"x")]))
    codes = {finding.code for finding in verificar.verify(str(file)).findings}
    assert {"zip_damaged", "file_added"} <= codes


def test_a_directory_that_shows_one_file_many_times_is_no_bomb(tmp_path: Path) -> None:
    """Ten thousand names for the same bytes, and a first header that is none."""
    size = 5_000_000
    data = written([("00000.bin", bytes(size)), *((f"{number:05}.bin", b"") for number in range(1, 10_000))])
    directory = data.index(b"PK\1\2")
    shown = data[directory:].replace(b"\0\0\0\0\x09\0\0\0", size.to_bytes(4, "little") + b"\x09\0\0\0")
    file = tmp_path / "p.zip"
    file.write_bytes(b"xxxx" + data[4:directory] + shown)
    report = verificar.verify(str(file))
    assert {finding.why for finding in report.findings} == {"broken", "overlap", "absent"}


def test_a_package_somebody_has_compressed_says_what_to_do_about_it(tmp_path: Path) -> None:
    file = tmp_path / "p.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in make_package(1).entries().items():
            archive.writestr(name, data)
    findings = verificar.verify(str(file)).findings
    assert {finding.why for finding in findings} >= {"header", "compressed"}
    assert "extraia e confira a pasta" in " ".join(finding.words("pt") for finding in findings)


def test_more_than_4_gib_and_more_than_65535_files_are_one_form_too(tmp_path: Path) -> None:
    """A file with a hole, so that nothing has to be written; Python's own reader sees the same."""
    size = 5 << 30
    entries = [("a.mp4", size, 0), ("b.mp4", 3, 5)]
    file = tmp_path / "p.zip"
    with file.open("wb") as handle:
        for name, length, crc in entries:
            handle.write(verificar.local_header(name, length, crc))
            handle.seek(length, io.SEEK_CUR)
        handle.write(verificar.central_directory(entries))
    report = verificar.Report()
    with file.open("rb") as handle:
        archive = verificar.Archive(handle, file.stat().st_size, report)
    assert report.ok
    assert [(entry.name, entry.size, entry.crc) for entry in archive.entries] == entries
    with zipfile.ZipFile(file) as other:
        assert [(info.filename, info.file_size, info.header_offset) for info in other.infolist()] == [
            ("a.mp4", size, 0),
            ("b.mp4", 3, archive.entries[1].at - len(verificar.local_header("b.mp4", 3, 5))),
        ]


def test_many_files_need_no_more_than_their_headers(tmp_path: Path) -> None:
    entries = [(f"{number}.bin", 0, 0) for number in range(70_000)]
    file = tmp_path / "p.zip"
    file.write_bytes(b"".join(verificar.local_header(*one) for one in entries) + verificar.central_directory(entries))
    report = verificar.Report()
    with file.open("rb") as handle:
        verificar.Archive(handle, file.stat().st_size, report)
    assert report.ok
    with zipfile.ZipFile(file) as other:
        assert len(other.infolist()) == len(entries)


def test_an_unpacked_package_is_checked_too(tmp_path: Path) -> None:
    made = make_package(2)
    for name, data in made.entries().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for name in (".DS_Store", "._manifest.json"):
        (tmp_path / name).write_bytes(b"x")
    report = verificar.verify(str(tmp_path))
    assert report.findings == []
    notes = {(note.code, note.path) for note in report.notes}
    assert {("system_file", ".DS_Store"), ("system_file", "._manifest.json")} <= notes
    (tmp_path / "._alone").write_bytes(b"x")
    assert [finding.path for finding in verificar.verify(str(tmp_path)).findings] == ["._alone"] * 2
    (tmp_path / "._alone").unlink()
    (tmp_path / "termo.pdf").unlink()
    (tmp_path / "termo.pdf").symlink_to("/etc/hostname")
    (tmp_path / "mais.mp4").write_bytes(b"")
    (tmp_path / "LEIA-ME.txt").write_bytes(b"other")
    found = {(finding.code, finding.path) for finding in verificar.verify(str(tmp_path)).findings}
    assert found == {
        ("file_added", "termo.pdf"),
        ("file_missing", "termo.pdf"),
        ("file_added", "mais.mp4"),
        ("file_changed", "LEIA-ME.txt"),
    }


def test_a_file_the_disk_does_not_give_is_named(tmp_path: Path) -> None:
    class Torn(verificar.Archive):
        def pieces(self, entry: verificar.Entry) -> Iterator[bytes]:
            yield from super().pieces(entry)
            if entry.name == "termo.pdf":
                raise OSError(errno.EIO, "torn")

    data, report = make_package(2).zipped(), verificar.Report()
    verificar.Package(Torn(io.BytesIO(data), len(data), report), report, None, lambda _: None).check()
    assert [finding[:2] for finding in report.findings] == [("file_unreadable", "termo.pdf")]


def test_a_certificate_is_signed_word_by_word(tmp_path: Path) -> None:
    file = tmp_path / "certidao.json"
    for seed in range(30):
        file.write_bytes(make_certificate(seed))
        key = json.loads(file.read_bytes())["signature"]["fingerprint"]
        assert verificar.verify(str(file), key).findings == []
        assert _codes(file, "ab" * 32) == {"fingerprint_unexpected"}
    whole = json.loads(make_certificate(1))
    changes = {
        "certificate_changed": {"certificate": whole["certificate"] | {"coverage": 1.5}},
        "certificate_unreadable": {"remark": "not signed"},
        "key_changed": {"signature": whole["signature"] | {"fingerprint": "0" * 64}},
        "signature_changed": {"signature": whole["signature"] | {"algorithm": "none"}},
    }
    for code, change in changes.items():
        file.write_text(json.dumps(whole | change), "utf-8")
        assert code in _codes(file)


def test_a_certificate_of_another_format_or_box_is_told(tmp_path: Path) -> None:
    file = tmp_path / "certidao.json"
    certificate = json.loads(make_certificate(2))["certificate"]
    for change, code in (({"format": "vmsd-continuity/2"}, "certificate_unreadable"), ({}, "key_changed")):
        said = certificate | change
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        file.write_text(json.dumps({"certificate": said, "signature": signature_of(OTHER, text)}), "utf-8")
        assert code in _codes(file)
    file.write_bytes(b"anything else")
    assert _codes(file) == {"not_a_package"}


def test_a_file_too_large_to_be_read_at_once_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verificar, "JSON_BYTES", 1000)
    file = tmp_path / "p.zip"
    file.write_bytes(make_package(2).zipped())
    assert ("manifest_unreadable", "manifest.json", "large") in {
        one[:3] for one in verificar.verify(str(file)).findings
    }


def _codes(file: Path, fingerprint: str | None = None) -> set[str]:
    return {finding.code for finding in verificar.verify(str(file), fingerprint).findings}


def test_a_format_of_the_future_is_not_read_as_one_of_today(tmp_path: Path) -> None:
    file = tmp_path / "p.zip"
    for name in ("manifest.json", "custody.json", "audit-extract.json"):
        made = make_package(2)
        if name == "manifest.json":
            made.manifest["format"] = "vmsd-evidence/2"
        else:
            made.files[name] = encoded(json.loads(made.files[name]) | {"format": "vmsd-other/1"})
        file.write_bytes(made.signed().zipped())
        assert [(finding.path, finding.why) for finding in verificar.verify(str(file)).findings] == [(name, "format")]


def test_a_manifest_that_contradicts_itself_is_told_though_the_box_has_signed_it(tmp_path: Path) -> None:
    """What only a faulty box could make: each fault is named alone."""
    file = tmp_path / "p.zip"

    def told(made: Made) -> set[tuple[str, str, str]]:
        file.write_bytes(made.zipped())
        return {finding[:3] for finding in verificar.verify(str(file)).findings}

    made = make_package(3)
    camera = next(camera for camera in made.manifest["cameras"] if camera["segments"])
    segment = camera["segments"].pop()
    assert told(made.signed()) == {("manifest_mismatch", segment["path"], "unclaimed")}
    place = f"manifest.json#/cameras/{made.manifest['cameras'].index(camera)}/segments/{len(camera['segments'])}"
    camera["segments"].append(segment | {"path": "original/none.mp4"})
    assert ("manifest_mismatch", place, "not_listed") in told(made.signed())
    camera["segments"][-1:] = [segment, segment]
    assert told(made.signed()) == {("manifest_mismatch", segment["path"], "unclaimed")}
    made = make_package(3)
    made.manifest["box"]["fingerprint"] = "0" * 64
    assert told(made.signed()) == {("key_changed", "manifest.json", "fingerprint")}
    for name, code in (("custody.json", "custody_mismatch"), ("audit-extract.json", "audit_mismatch")):
        made = make_package(3)
        del made.files[name]
        assert told(made.signed()) == {(code, name, "not_listed")}
    made = make_package(3)
    made.files["audit-extract.json"] = encoded(json.loads(made.files["audit-extract.json"]) | {"head": {"hash": "x"}})
    assert told(made.signed()) == {("audit_mismatch", "audit-extract.json#/head/hash", "field")}
    made = make_package(3)
    twice = made.signed().manifest["files"]
    twice.append(twice[0])
    made.signature = signature_of(made.key, encoded(made.manifest)) | {"signed": "manifest.json"}
    assert told(made) == {("manifest_mismatch", f"manifest.json#/files/{len(twice) - 1}", "twice")}


def test_what_the_box_says_of_its_files_is_told_and_is_no_failure(tmp_path: Path) -> None:
    made = make_package(4)
    camera = next(camera for camera in made.manifest["cameras"] if camera["segments"])
    camera["segments"][0] |= {"altered": True, "sha256": "0" * 64, "damaged": True, "clock": "untrusted"}
    camera["unreadable"] = [{"recording_id": "x", "start": "2026-09-21T14:00:00Z", "error": "EIO"}]
    audit = json.loads(made.files["audit-extract.json"])
    made.files["audit-extract.json"] = encoded(audit | {"head": None})
    file = tmp_path / "p.zip"
    file.write_bytes(made.signed().zipped())
    report = verificar.verify(str(file))
    told = {note.code for note in report.notes}
    assert report.findings == []
    assert {"segment_altered", "segment_damaged", "clock_untrusted", "recording_unreadable", "audit_unsigned"} <= told


def test_the_command_says_it_in_both_languages_and_by_its_exit_code(tmp_path: Path) -> None:
    made = make_package(3)
    good, bad = tmp_path / "boa.zip", tmp_path / "ruim.zip"
    good.write_bytes(made.zipped())
    bad.write_bytes(zip_of(made.entries() | {"termo.pdf": b"outro"}))
    alone = subprocess.run(
        [sys.executable, "-I", verificar.__file__, str(good), f"--fingerprint={made.signature['fingerprint'].upper()}"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert (alone.returncode, alone.stderr) == (0, b"")
    assert "RESULTADO: OK" in alone.stdout.decode()
    said = CliRunner().invoke(main, ["verify", "--lang", "en", str(bad)])
    assert said.exit_code == 1
    assert "termo.pdf: the content is not what the box sealed" in said.output
    answer = json.loads(CliRunner().invoke(main, ["verify", "--json", str(bad)]).output)
    assert (answer["ok"], answer["findings"][0]["code"]) == (False, "file_changed")
    assert CliRunner().invoke(main, ["verify", str(good), "--fingerprint", "12"]).exit_code == 2
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "none.zip")]).exit_code == 2


def test_the_program_is_one_plain_file_for_python_3_8() -> None:
    tree = ast.parse(Path(verificar.__file__).read_text("utf-8"), feature_version=(3, 8))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_nothing_a_package_says_reaches_a_terminal_as_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_package(3)
    made.manifest["cameras"][0]["name"] = "\x1b[2J\u202egnp\x07"
    file = tmp_path / "p.zip"
    file.write_bytes(made.signed().zipped())
    assert verificar.main([str(file)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\u001b[2J\\u202egnp\\u0007" in said

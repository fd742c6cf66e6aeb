"""What is printed holds what it was given, the same each time, on pages that nothing runs out of."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from pypdf import PdfReader

from tests.unit.verifier.certificates import make_certificate
from tests.unit.verifier.package_box import START_MS, make_package
from vmsd.clock import rfc3339
from vmsd.paper import continuity, custody_form, purge_report, words

BAD = "Жук 📷 \x00\x1b[31m\u202e<b>&amp; " + "W" * 500 + " aço — “São João”"


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def certificate(gaps: int = 3) -> dict[str, Any]:
    causes = ("network", "power", "purge", "unknown")
    found = [
        {
            "start": rfc3339(START_MS + n * 60_000),
            "end": rfc3339(START_MS + n * 60_000 + 9_000),
            "cause": causes[n % 4],
            "detail": "retention_plan" if n % 4 == 2 else None,
            "purged_at": rfc3339(START_MS + 10**9) if n % 4 == 2 else None,
        }
        for n in range(gaps)
    ]
    end = rfc3339(START_MS + 86_400_000)
    period = {"start": rfc3339(START_MS), "end": end, "from": rfc3339(START_MS), "to": end}
    return json.loads(make_certificate(1))["certificate"] | {
        "time_zone": "America/Sao_Paulo",
        "period": period,
        "gaps": found,
        "spans": [{"start": rfc3339(START_MS + 9_000), "end": end, "clock_trusted": False}],
        "coverage": 0.99999,
        "missing_seconds": 27,
        "audit_head": {"hash": "ab" * 32, "at": end},
        "software": {"vmsd": "0.4.0", "mediamtx": None},
    }


def report() -> dict[str, Any]:
    by = {"recordings": 3, "bytes": 10**9, "oldest": rfc3339(START_MS), "newest": rfc3339(START_MS)}
    return {
        "id": "r1",
        "city": {"name": "São José dos Pinhais"},
        "time_zone": "America/Sao_Paulo",
        "start": rfc3339(START_MS),
        "end": rfc3339(START_MS + 10**9),
        "created_at": rfc3339(START_MS + 10**9),
        "by": {"id": None, "name": None},
        **by,
        "by_rule": [{"rule": "retention_plan", "recordings": 3, "bytes": 10**9}],
        "by_camera": [{"camera_id": "x", "name": f"Câmera {n} {BAD}", **by} for n in range(60)],
        "kept": [{"keeping": "hold", "name": BAD, "periods": 2, "bytes": 5}],
        "ledger": {"lines": 3, "proved": 2},
        "audit_head": {"hash": "cd" * 32, "at": rfc3339(START_MS)},
    }


def test_a_certificate_says_every_gap_with_its_cause_and_both_times() -> None:
    text = text_of(continuity.render(certificate(), {"fingerprint": "5e" * 32, "signature": "ab" * 64}))
    for words_said in (
        "Certidão de continuidade",
        "21/09/2026 11:13:20 (UTC-03:00)",
        "21/09/2026 14:13:20 UTC",
        "99,999 %",
        "falha de rede",
        "falta de energia",
        "prazo do plano da cidade",
        "5e5e 5e5e",
        "vmsd verify certidao.json",
        f"auditoria {'ab' * 32}",
        "página 1 de 2",
    ):
        assert words_said in text, words_said


def test_many_gaps_go_over_pages_that_each_repeat_the_head() -> None:
    pdf = continuity.render(certificate(400), {})
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) > 5
    assert all("Início" in page for page in pages[1:-2])
    assert f"página {len(pages)} de {len(pages)}" in pages[-1]


def test_a_purge_report_says_what_was_deleted_by_which_rule() -> None:
    text = text_of(purge_report.render(report()))
    for said in (
        "3 gravações foram apagadas (1,0 GB)",
        "prazo do plano da cidade",
        "2 de 3 linhas",
        "requisição de autoridade",
        "Câmera 59",
    ):
        assert said in text, said


def test_a_custody_form_says_what_happened_and_leaves_room_for_what_comes() -> None:
    made = make_package(3)
    custody = json.loads(made.files["custody.json"])
    text = text_of(custody_form.render(made.manifest, custody))
    assert "art. 158-A a 158-F" in text
    for step in ("Coleta", "Acondicionamento", "Transporte", "Recebimento", "Armazenamento", "Descarte", "Assinatura"):
        assert step in text
    for file in made.manifest["files"]:
        assert file["sha256"] in text


def _spoilt(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spoilt(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner) for inner in value]
    return BAD if isinstance(value, str) else value


@pytest.mark.parametrize("spoil", [_spoilt, lambda _: {}, dict.fromkeys, lambda one: {key: [1] for key in one}])
def test_no_text_and_no_hole_in_the_facts_stops_the_printer(spoil: Any) -> None:
    made = make_package(3)
    custody = json.loads(made.files["custody.json"])
    for pdf in (
        continuity.render(spoil(certificate()), spoil({"fingerprint": "x"})),
        purge_report.render(spoil(report())),
        custody_form.render(spoil(made.manifest), spoil(custody)),
    ):
        assert "\x1b" not in text_of(pdf)


def test_the_same_facts_are_the_same_bytes() -> None:
    assert continuity.render(certificate(), {}) == continuity.render(certificate(), {})
    assert purge_report.render(report()) == purge_report.render(report())


def test_letters_no_font_has_are_replaced_and_portuguese_stays() -> None:
    assert words.clean("São João — “é”") == "São João — “é”"
    assert words.clean("a\x00b\u202ec\n\td") == "a bc d"
    assert words.clean("Жe\u0301📷") == "?é?"
    assert words.percent(0.999999999) == "99,999 %"
    assert words.percent(1) == "100 %"

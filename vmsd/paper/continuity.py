"""The continuity certificate on paper: what was recorded of a period, and why the rest was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from reportlab.platypus import Flowable  # type: ignore[import-untyped]

from vmsd.paper.bar import PeriodBar
from vmsd.paper.document import (
    body,
    code,
    facts,
    heading,
    note,
    print_pdf,
    sheet_of,
    space,
    table,
    title,
    together,
)
from vmsd.paper.words import (
    CAUSES,
    CLOCKS,
    DETAILS,
    OUTAGES,
    ROLES,
    RULES,
    clean,
    duration,
    grouped,
    items,
    local,
    mapping,
    moment,
    or_dash,
    percent,
    spaced,
    utc,
    word,
    zone_of,
)

TITLE = "Certidão de continuidade"
GAPS = 2000
"""More lines than this nobody reads; the JSON has them all, and the paper says so."""


def render(certificate: Mapping[str, Any], signature: Mapping[str, Any]) -> bytes:
    """Of a certificate as it was signed, and that signature."""
    zone = zone_of(certificate)
    period = mapping(certificate.get("period")) or certificate
    spans, gaps = items(certificate.get("spans")), items(certificate.get("gaps"))
    story = [
        *title(TITLE, f"Câmera {_name(certificate.get('camera'))}"),
        body(_summary(certificate, period, zone)),
        space(2),
        PeriodBar(period.get("start"), period.get("end"), spans, gaps, zone),
        space(3),
        facts(_facts(certificate, period, zone)),
        *_gaps(gaps, zone),
        *_outages(items(certificate.get("outages")), zone),
        *_files(mapping(certificate.get("segments"))),
        *_seal(signature),
    ]
    return print_pdf(sheet_of(TITLE, certificate), story)


def _name(value: object) -> str:
    return or_dash(mapping(value).get("name") if isinstance(value, Mapping) else value)


def _summary(certificate: Mapping[str, Any], period: Mapping[str, Any], zone: tzinfo) -> str:
    count = len(items(certificate.get("gaps")))
    holes = {0: "sem nenhuma lacuna", 1: "com uma lacuna"}.get(count, f"com {grouped(count)} lacunas")
    return (
        f"Certifica-se que, de {local(period.get('start'), zone)} a {local(period.get('end'), zone)}, há gravação "
        f"desta câmera em {percent(certificate.get('coverage'))} do tempo em que ela poderia ter gravado, {holes} de "
        "mais de 1,5 segundo. O tempo é contado pelo relógio, não pela duração dos arquivos. A causa de cada lacuna é "
        "dita somente quando há prova dela."
    )


def _facts(certificate: Mapping[str, Any], period: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    city, by, clock = (mapping(certificate.get(name)) for name in ("city", "issued_by", "clock"))
    issuer = clean(by.get("name")) or "o próprio equipamento"
    role = f" ({word(ROLES, by.get('role'))})" if by.get("role") else ""
    return [
        ("Número", certificate.get("id")),
        ("Município", city.get("name")),
        ("Local", _name(certificate.get("site"))),
        ("Câmera", f"{_name(certificate.get('camera'))} / {or_dash(mapping(certificate.get('camera')).get('id'))}"),
        ("Período pedido", _between(period, "start", "end", lambda at: local(at, zone))),
        ("O mesmo em UTC", _between(period, "start", "end", utc)),
        ("Em que podia gravar", _between(period, "from", "to", lambda at: local(at, zone))),
        ("Tempo total", duration(certificate.get("requested_seconds"))),
        ("Tempo gravado", f"{duration(certificate.get('recorded_seconds'))} ({percent(certificate.get('coverage'))})"),
        ("Tempo sem gravação", duration(certificate.get("missing_seconds"))),
        ("Relógio na emissão", _clock(clock)),
        ("Emitida em", f"{local(certificate.get('issued_at'), zone)} / {utc(certificate.get('issued_at'))}"),
        ("Emitida por", f"{issuer}{role}"),
    ]


def _between(period: Mapping[str, Any], start: str, end: str, write: Callable[[object], str]) -> str:
    return f"{write(period.get(start))} a {write(period.get(end))}"


def _clock(clock: Mapping[str, Any]) -> str:
    words = [word(CLOCKS, clock.get("trusted"))]
    synchronised = clock.get("synchronised")
    if isinstance(synchronised, bool):
        words.append("sincronizado" if synchronised else "sem sincronização")
    if clock.get("untrusted_seconds"):
        words.append(f"{duration(clock['untrusted_seconds'])} gravados com o relógio não confiável")
    return ", ".join(words)


def _gaps(gaps: Sequence[Mapping[str, Any]], zone: tzinfo) -> list[Flowable]:
    if not gaps:
        return [heading("Lacunas"), body("Nenhuma.")]
    rows = [
        (
            str(number),
            local(gap.get("start"), zone),
            local(gap.get("end"), zone),
            duration(_length(gap)),
            _cause(gap, zone),
        )
        for number, gap in enumerate(gaps[:GAPS], 1)
    ]
    more = [note(f"e mais {grouped(len(gaps) - GAPS)} lacunas, listadas no arquivo JSON desta certidão")]
    listed = table(("Nº", "Início", "Fim", "Duração", "Causa"), (9, 47, 47, 27), rows, right=(0, 3))
    return [heading("Lacunas"), _by_cause(gaps), space(3), listed, *(more if len(gaps) > GAPS else [])]


def _by_cause(gaps: Sequence[Mapping[str, Any]]) -> Flowable:
    totals: dict[str, list[float]] = {}
    for gap in gaps:
        total = totals.setdefault(word(CAUSES, gap.get("cause")), [0, 0.0])
        total[0] += 1
        total[1] += _length(gap)
    ordered = sorted(totals.items(), key=lambda one: -one[1][1])
    rows = [(cause, grouped(int(count)), duration(seconds)) for cause, (count, seconds) in ordered]
    return table(("Causa", "Lacunas", "Tempo"), (75, 30), rows, right=(1, 2))


def _length(gap: Mapping[str, Any]) -> float:
    start, end = moment(gap.get("start")), moment(gap.get("end"))
    return 0.0 if start is None or end is None else max(0.0, (end - start).total_seconds())


def _cause(gap: Mapping[str, Any], zone: tzinfo) -> str:
    cause = gap.get("cause")
    detail = clean(gap.get("detail"), 200)
    if cause == "purge":
        why = word(RULES, detail) if detail else "prazo"
        return f"apagado em {local(gap.get('purged_at'), zone)}: {why}" if gap.get("purged_at") else f"apagado: {why}"
    return f"{word(CAUSES, cause)} ({word(DETAILS, detail)})" if detail else word(CAUSES, cause)


def _outages(outages: Sequence[Mapping[str, Any]], zone: tzinfo) -> list[Flowable]:
    if not outages:
        return []
    rows = [
        (word(OUTAGES, one.get("kind")), local(one.get("start"), zone), _until(one.get("end"), zone))
        for one in outages[:GAPS]
    ]
    return [heading("O que houve com o equipamento no período"), table(("O quê", "De", "Até"), (64, 53), rows)]


def _until(end: object, zone: tzinfo) -> str:
    return "ainda não terminou" if end is None else local(end, zone)


def _files(files: Mapping[str, Any]) -> list[Flowable]:
    if not files:
        return []
    pairs = [
        ("Arquivos", grouped(files.get("count"))),
        ("Com resumo SHA-256", grouped(files.get("hashed"))),
        ("Ainda em gravação", grouped(files.get("running"))),
        (
            "Danificados",
            f"{grouped(files.get('damaged'))} (interrompidos, como por falta de energia; conta o que está inteiro)",
        ),
        ("Alterados", f"{grouped(files.get('altered'))} (diferentes do resumo tirado quando foram fechados)"),
        ("Hora não confiável", grouped(files.get("clock_untrusted"))),
        ("Hora corrigida depois", grouped(files.get("clock_corrected"))),
    ]
    return [together(heading("Arquivos de gravação por trás desta certidão"), facts(pairs))]


def _seal(signature: Mapping[str, Any]) -> list[Flowable]:
    pairs: list[tuple[str, object]] = [
        ("Impressão digital", code(spaced(signature.get("fingerprint")))),
        ("Chave pública", code(spaced(signature.get("public_key")))),
        ("Assinatura (Ed25519)", code(spaced(signature.get("signature")))),
    ]
    how = (
        "O que está assinado é o arquivo JSON desta certidão, não este papel: peça o arquivo junto com ele. Confira "
        "sem rede, em qualquer computador, com “vmsd verify certidao.json”, com “python3 verificar.py certidao.json” "
        "ou abrindo verificar.html no navegador. O resultado é OK ou o nome do que não confere. Compare a impressão "
        "digital com a que o município publicou: é ela que diz de quem é a chave."
    )
    return [together(heading("Assinatura e como conferir"), facts(pairs), space(2), body(how))]

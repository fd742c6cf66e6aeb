"""The certificate of a box's end, on paper and as plain text: what was destroyed, how, and what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from vmsd.paper.words import clean, grouped, items, local, mapping, or_dash, size, spaced, utc, word, zone_of

TITLE = "Certidão de desativação"
METHODS = {
    "removed": "arquivos removidos; o disco não oferece descarte de blocos, e os dados não foram sobrescritos",
    "removed_discarded": "arquivos removidos e blocos livres descartados pelo disco (TRIM)",
    "overwritten": "arquivos sobrescritos com zeros, gravados no disco e removidos",
    "overwritten_discarded": "arquivos sobrescritos com zeros, gravados, removidos e blocos descartados (TRIM)",
    "kept": "NÃO destruídas: mantidas no disco, a pedido",
    "missing": "NÃO destruídas: o volume de gravações não estava presente",
}
KEYS = (
    "As chaves do equipamento são destruídas logo depois desta assinatura, que é a última delas: sobrescritas com "
    "zeros, gravadas no disco e removidas. O arquivo de texto que acompanha esta certidão diz quando isso terminou."
)
FLASH = (
    "Discos SSD e cartões podem guardar cópias antigas de blocos, que nenhum programa alcança. Quando o sigilo exigir "
    "mais do que isto, destrua fisicamente o disco."
)
CHECK = (
    "O que está assinado é o arquivo .json, byte por byte. Confira sem rede com OpenSSL 3: “openssl pkeyutl -verify "
    "-pubin -inkey NOME.pem -rawin -in NOME.json -sigfile NOME.sig”. Compare a impressão digital com a que o município "
    "publicou: é ela que diz de quem é a chave."
)
UNSIGNED = "Esta certidão não está assinada: a chave do equipamento já não existia."
CLOCKS = {"True": "sim", "False": "não"}
Pairs = Sequence[tuple[str, object]]


def render(certificate: Mapping[str, Any], signature: Mapping[str, Any]) -> bytes:
    """Of a certificate as it was signed, and that signature; empty where there was no key to sign with."""
    from vmsd.paper.document import body, code, facts, heading, note, print_pdf, sheet_of, space, table, title

    zone = zone_of(certificate)
    heads = ("Município", "Câmeras", "Gravações", "Espaço", "Mais antiga", "Mais recente")
    rows = [_row(city, zone) for city in _cities(certificate)]
    seal = facts([(name, code(value)) for name, value in _seal(signature)]) if signature else body(UNSIGNED)
    story = [
        *title(TITLE, or_dash(mapping(certificate.get("site")).get("name"))),
        body(_summary(certificate)),
        space(1),
        facts(_facts(certificate, zone)),
        heading("O que o banco de dados dizia das gravações"),
        table(heads, (44, 16, 20, 20, 36), rows, right=(1, 2, 3)) if rows else body("Nada se sabe."),
        *([note("Não destruído: " + "; ".join(_left(certificate)))] if _left(certificate) else []),
        heading("Como foi feito"),
        body(KEYS),
        note(FLASH),
        heading("Assinatura e como conferir"),
        seal,
        space(2),
        body(CHECK),
    ]
    return print_pdf(sheet_of(TITLE, certificate), story)


def text(certificate: Mapping[str, Any], signature: Mapping[str, Any], ended_at: str | None = None) -> str:
    """The same for a screen; `ended_at` is when the keys were gone."""
    zone = zone_of(certificate)
    lines = [TITLE.upper(), "", _summary(certificate), ""]
    lines += [f"{name}: {clean(value)}" for name, value in _facts(certificate, zone)]
    for city in _cities(certificate):
        name, cameras, count, space, oldest, newest = _row(city, zone)
        lines.append(f"  {name}: {cameras} câmeras, {count} gravações, {space}, de {oldest} a {newest}")
    lines += [f"Não destruído: {one}" for one in _left(certificate)]
    lines += ["", KEYS, FLASH, ""]
    lines += [f"{name}: {value}" for name, value in _seal(signature)] if signature else [UNSIGNED]
    done = f"As chaves foram destruídas em {local(ended_at, zone)} / {utc(ended_at)}." if ended_at else ""
    return "\n".join([*lines, CHECK, *(["", done] if done else [])]) + "\n"


def _summary(certificate: Mapping[str, Any]) -> str:
    recordings = mapping(certificate.get("recordings"))
    gone = f"os {grouped(recordings.get('files'))} arquivos do volume de gravações ({size(recordings.get('bytes'))})"
    kept = recordings.get("method") in ("kept", "missing")
    what = "; as gravações não foram destruídas" if kept else f" e {gone}"
    return (
        f"Certifica-se que neste equipamento foram destruídos o banco de dados, as contas, a auditoria, as cópias de "
        f"segurança locais{what}. Depois desta assinatura são destruídas as chaves, sem as quais as senhas de câmeras "
        "de qualquer cópia do banco de dados não podem mais ser abertas."
    )


def _facts(certificate: Mapping[str, Any], zone: tzinfo) -> Pairs:
    recordings, data = (mapping(certificate.get(name)) for name in ("recordings", "data"))
    audit, clock = (mapping(certificate.get(name)) for name in ("audit_head", "clock"))
    last = f"{grouped(audit.get('row'))}: {spaced(audit.get('hash'))}" if audit else None
    return [
        ("Número", certificate.get("id")),
        ("Local", or_dash(mapping(certificate.get("site")).get("name"))),
        ("Equipamento", spaced(mapping(certificate.get("box")).get("fingerprint"))),
        ("Responsável", or_dash(certificate.get("by"))),
        ("Começo", f"{local(certificate.get('begun_at'), zone)} / {utc(certificate.get('begun_at'))}"),
        ("Assinada em", f"{local(certificate.get('signed_at'), zone)} / {utc(certificate.get('signed_at'))}"),
        ("Relógio sincronizado", CLOCKS.get(str(clock.get("synchronised")), "não se sabe")),
        ("No volume de gravações", f"{grouped(recordings.get('files'))} arquivos, {size(recordings.get('bytes'))}"),
        ("Destino dele", word(METHODS, recordings.get("method"))),
        ("Sistema de arquivos", or_dash(recordings.get("file_system"))),
        ("Restam nele", f"{grouped(recordings.get('left_files'))} arquivos"),
        ("Banco de dados e cópias", f"{grouped(data.get('files'))} arquivos, {size(data.get('bytes'))}"),
        ("Destino do banco de dados", word(METHODS, data.get("method"))),
        ("Contas de pessoas", grouped(certificate.get("people"))),
        ("Preservações em vigor", grouped(certificate.get("holds"))),
        ("Última linha da auditoria", or_dash(last)),
        ("Chaves", ", ".join(str(one) for one in certificate.get("keys", ())) or or_dash(None)),
    ]


def _cities(certificate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return items(certificate.get("cities"))


def _row(city: Mapping[str, Any], zone: tzinfo) -> tuple[str, str, str, str, str, str]:
    return (
        or_dash(city.get("name")),
        grouped(city.get("cameras")),
        grouped(city.get("recordings")),
        size(city.get("bytes")),
        local(city.get("oldest"), zone),
        local(city.get("newest"), zone),
    )


def _left(certificate: Mapping[str, Any]) -> list[str]:
    return [clean(one, 300) for one in certificate.get("not_destroyed", ())]


def _seal(signature: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Impressão digital", spaced(signature.get("fingerprint"))),
        ("Chave pública", spaced(signature.get("public_key"))),
        ("Assinatura (Ed25519)", spaced(signature.get("signature"))),
    ]

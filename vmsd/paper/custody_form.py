"""The custody form on paper: what was collected, by whom, and lines to be signed by whoever has it next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from reportlab.platypus import Flowable  # type: ignore[import-untyped]

from vmsd.paper.document import (
    SignatureLines,
    body,
    code,
    facts,
    files_table,
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
    CLOCKS,
    ROLES,
    clean,
    duration,
    grouped,
    items,
    local,
    mapping,
    or_dash,
    size,
    spaced,
    utc,
    word,
    zone_of,
)

TITLE = "Termo de coleta e cadeia de custódia"
FILES = 1000
"""More hashes than this nobody compares by eye; manifest.json has them all, signed."""
STEPS = {
    "reconhecimento": ("Reconhecimento", "distinguir o que interessa à prova"),
    "isolamento": ("Isolamento", "evitar que se altere"),
    "fixacao": ("Fixação", "descrever como se encontra"),
    "coleta": ("Coleta", "recolher, respeitando suas características"),
    "acondicionamento": ("Acondicionamento", "embalar e identificar, com lacre"),
    "transporte": ("Transporte", "levar de um local a outro, em condições adequadas"),
    "recebimento": ("Recebimento", "transferir formalmente a posse"),
    "processamento": ("Processamento", "examinar"),
    "armazenamento": ("Armazenamento", "guardar em condições adequadas"),
    "descarte": ("Descarte", "liberar, conforme a lei e com autorização judicial"),
}


def render(manifest: Mapping[str, Any], custody: Mapping[str, Any]) -> bytes:
    """Of a package's manifest and custody record as they stand in it."""
    zone = zone_of(manifest, custody, mapping(manifest.get("package")))
    package = mapping(manifest.get("package"))
    events = items(custody.get("events"))
    story = [
        *title(TITLE, "Código de Processo Penal, art. 158-A a 158-F"),
        facts(_facts(manifest, custody, zone)),
        heading("O que foi coletado"),
        *_cameras(items(manifest.get("cameras"))),
        heading("Etapas já registradas (art. 158-B)"),
        _steps(events, zone),
        heading("Etapas seguintes, a preencher e assinar"),
        body("Quem recebe confere o pacote com o verificador que está dentro dele antes de assinar."),
        *_blanks(events),
        *_seal(mapping(manifest.get("box"))),
        *_files(items(manifest.get("files"))),
    ]
    sheet = sheet_of(TITLE, {**manifest, "city": package.get("city"), "site": package.get("site")})
    return print_pdf(sheet, story)


def _facts(manifest: Mapping[str, Any], custody: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    package, request, clock = (mapping(manifest.get(name)) for name in ("package", "request", "clock"))
    procedure = mapping(custody.get("procedure"))
    asked_by = mapping(request.get("asked_by"))
    role = f" ({word(ROLES, asked_by.get('role'))})" if asked_by.get("role") else ""
    return [
        ("Procedimento", procedure.get("number") or request.get("number")),
        ("Autoridade", procedure.get("authority")),
        ("Finalidade", procedure.get("purpose") or request.get("reason")),
        ("Motivo da exportação", request.get("reason")),
        ("Pedida por", f"{or_dash(asked_by.get('name'))}{role}, em {local(request.get('asked_at'), zone)}"),
        ("Período", f"{local(request.get('start'), zone)} a {local(request.get('end'), zone)}"),
        ("Período em UTC", f"{utc(request.get('start'))} a {utc(request.get('end'))}"),
        ("Pacote", package.get("id")),
        ("Lacrado em", f"{local(package.get('created_at'), zone)} / {utc(package.get('created_at'))}"),
        ("Relógio ao lacrar", _clock(clock)),
    ]


def _clock(clock: Mapping[str, Any]) -> str:
    reason = clean(clock.get("reason"), 200)
    return f"{word(CLOCKS, clock.get('trusted'))} ({reason})" if reason else word(CLOCKS, clock.get("trusted"))


def _cameras(cameras: Sequence[Mapping[str, Any]]) -> list[Flowable]:
    rows = [
        (
            or_dash(camera.get("name")),
            grouped(len(items(camera.get("segments")))),
            duration(camera.get("requested_seconds")),
            duration(camera.get("delivered_seconds")),
            duration(camera.get("missing_seconds")),
            _warnings(camera),
        )
        for camera in cameras
    ]
    heads = ("Câmera", "Originais", "Pedido", "Entregue", "Faltando", "Observações")
    words = (
        "Originais são os arquivos gravados, byte a byte. A cópia de visualização é o mesmo vídeo num só arquivo, para "
        "ver com comodidade. Cada lacuna, com sua causa, está em manifest.json."
    )
    return [table(heads, (40, 17, 27, 27, 23), rows, right=(1, 2, 3, 4)), note(words)]


def _warnings(camera: Mapping[str, Any]) -> str:
    segments = items(camera.get("segments"))
    counts = (
        ("que não puderam ser lidos e faltam no pacote", len(items(camera.get("unreadable")))),
        ("alterados depois de fechados", sum(bool(one.get("altered")) for one in segments)),
        ("danificados", sum(bool(one.get("damaged")) for one in segments)),
        ("com hora não confiável", sum(one.get("clock") == "untrusted" for one in segments)),
        ("com hora corrigida", sum(one.get("clock") == "corrected" for one in segments)),
    )
    return "; ".join(f"{count} {words}" for words, count in counts if count) or "nada a observar"


def _steps(events: Sequence[Mapping[str, Any]], zone: tzinfo) -> Flowable:
    rows = [
        (
            STEPS.get(str(event.get("step")), (or_dash(event.get("step")), ""))[0],
            local(event.get("at"), zone),
            _person(event),
            or_dash(event.get("detail")),
        )
        for event in events
    ]
    return table(("Etapa", "Quando", "Quem", "O quê"), (30, 42, 38), rows)


def _person(event: Mapping[str, Any]) -> str:
    name = clean(event.get("person"), 200) or "o equipamento"
    return f"{name} ({word(ROLES, event.get('role'))})" if event.get("role") else name


def _blanks(events: Sequence[Mapping[str, Any]]) -> list[Flowable]:
    """One box to fill in for each step that is still to come."""
    done = {event.get("step") for event in events}
    open_steps = [words for step, words in STEPS.items() if step not in done]
    return [SignatureLines(name, meaning) for name, meaning in open_steps]


def _seal(box: Mapping[str, Any]) -> list[Flowable]:
    pairs: list[tuple[str, object]] = [
        ("Equipamento", f"série {or_dash(box.get('serial'))}"),
        ("Impressão digital", code(spaced(box.get("fingerprint")))),
    ]
    how = (
        "O lacre é a assinatura Ed25519 desta chave sobre manifest.json, que traz o SHA-256 de todos os arquivos, "
        "inclusive deste termo. Confira sem rede com “vmsd verify”, verificar.py ou verificar.html, e compare a "
        "impressão digital com a que o município publicou."
    )
    return [together(heading("Lacre"), facts(pairs), space(2), body(how))]


def _files(files: Sequence[Mapping[str, Any]]) -> list[Flowable]:
    """The form itself cannot carry its own hash."""
    if not files:
        return []
    total = sum(file["bytes"] for file in files if isinstance(file.get("bytes"), int))
    words = f"{grouped(len(files))} arquivos, {size(total)}"
    more = (
        [note(f"e mais {grouped(len(files) - FILES)} arquivos, listados em manifest.json")]
        if len(files) > FILES
        else []
    )
    return [heading(f"Arquivos e seus resumos SHA-256: {words}"), files_table(files[:FILES]), *more]

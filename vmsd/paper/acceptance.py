"""The acceptance report on paper: whether a site passed, a picture of every camera, and what was measured."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.lib.utils import ImageReader  # type: ignore[import-untyped]
from reportlab.platypus import Flowable, Image, LongTable, TableStyle  # type: ignore[import-untyped]

from vmsd.model.acceptance import FAILING
from vmsd.paper.acceptance_words import (
    CAMERA_MARKS,
    CODECS,
    FAULTS,
    KINDS,
    MARKS,
    POINTS,
    STATES,
    days,
    offset,
    point_words,
    rate,
)
from vmsd.paper.document import (
    INK,
    SHADE,
    WIDTH,
    SignatureLines,
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
    DETAILS,
    NOTHING,
    ROLES,
    clean,
    decimal,
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

TITLE = "Laudo de aceite"
PICTURE_WIDE, PICTURE_HIGH = 76 * mm, 57 * mm
GREEN, RED = HexColor("#1a7f37"), HexColor("#b42318")
PASSED, NOT_PASSED = "APROVADO", "NÃO APROVADO"
CERTIFICATE_NAME = "laudo.json"


def render(certificate: Mapping[str, Any], signature: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    """Of a report as it was signed, that signature, and its pictures (JPEG) by the cameras' ids."""
    zone, cameras = zone_of(certificate), items(certificate.get("cameras"))
    story = [
        *title(TITLE, f"{or_dash(certificate.get('site'))} \u00b7 {_name(certificate.get('city'))}"),
        Verdict(passed=certificate.get("passed") is True),
        space(3),
        body(_summary(certificate, cameras, zone)),
        *_failed(certificate, cameras, zone),
        facts(_facts(certificate, zone)),
        *_points(certificate, zone),
        *_cameras(cameras, pictures, zone),
        *_box(certificate, zone),
        *_seal(signature),
        together(
            heading("Assinaturas"),
            SignatureLines("Instalador", clean(certificate.get("installer"), 80)),
            SignatureLines("Recebido por", "confere com o que foi instalado"),
        ),
    ]
    return print_pdf(sheet_of(TITLE, certificate), story)


class Verdict(Flowable):  # type: ignore[misc]
    """In words and a frame; the colour only repeats them."""

    def __init__(self, *, passed: bool) -> None:
        super().__init__()
        self._passed = passed
        self.width, self.height = WIDTH, 13 * mm

    def wrap(self, *_room: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas, colour = self.canv, GREEN if self._passed else RED
        canvas.setStrokeColor(colour)
        canvas.setFillColor(colour)
        canvas.setLineWidth(1.6)
        canvas.rect(0.5 * mm, 0.5 * mm, WIDTH - mm, self.height - mm, fill=0 if self._passed else 1)
        canvas.setFillColor(colour if self._passed else HexColor("#ffffff"))
        canvas.setFont("Helvetica-Bold", 17)
        canvas.drawCentredString(WIDTH / 2, 4.4 * mm, PASSED if self._passed else NOT_PASSED)


def _name(value: object) -> str:
    return or_dash(mapping(value).get("name") if isinstance(value, Mapping) else value)


def _summary(certificate: Mapping[str, Any], cameras: Sequence[Mapping[str, Any]], zone: tzinfo) -> str:
    period = mapping(certificate.get("period"))
    proven = sum(_is_proven(camera) for camera in cameras)
    off = sum(camera.get("recording_enabled") is False for camera in cameras)
    switched = f" {_count(off, 'câmera está', 'câmeras estão')} com a gravação desligada por decisão." if off else ""
    return (
        f"De {_count(len(cameras), 'câmera', 'câmeras')}, {grouped(proven)} "
        f"{'gravou' if proven == 1 else 'gravaram'} sem lacuna durante {duration(period.get('seconds'))}, de "
        f"{local(period.get('start'), zone)} a {local(period.get('end'), zone)}, segundo o índice das gravações, pelo "
        f"relógio; intervalos de até 1,5 s entre arquivos não contam como lacuna.{switched} "
        "O laudo só é aprovado quando toda câmera tem imagem, toda gravação está comprovada e "
        "nenhum item abaixo está reprovado."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{grouped(number)} {one if number == 1 else many}"


def _is_proven(camera: Mapping[str, Any]) -> bool:
    return camera.get("recording_enabled") is True and "not_proven" not in (camera.get("faults") or ())


def _failed(certificate: Mapping[str, Any], cameras: Sequence[Mapping[str, Any]], zone: tzinfo) -> list[Flowable]:
    """What stands between this site and a report that passes, before anything else."""
    failed = [(_name(one), "; ".join(_faults(one, FAILING))) for one in cameras if one.get("result") == "fail"]
    names = [str(one.get("name")) for one in items(certificate.get("points")) if one.get("result") == "fail"]
    points = [(word(POINTS, name), point_words(name, certificate, zone)) for name in names]
    rows = [*failed, *(point for point, name in zip(points, names, strict=True) if name != "cameras" or not cameras)]
    if not rows:
        return []
    return [heading("O que reprova este laudo"), table(("Câmera ou item", "Por quê"), (60,), rows), space(3)]


def _faults(camera: Mapping[str, Any], among: Collection[str] | None = None) -> list[str]:
    faults = camera.get("faults")
    found = faults if isinstance(faults, list) else []
    return [word(FAULTS, fault) for fault in found if among is None or fault in among]


def _facts(certificate: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    by, period = mapping(certificate.get("issued_by")), mapping(certificate.get("period"))
    role = f" ({word(ROLES, by.get('role'))})" if by.get("role") else ""
    return [
        ("Número", certificate.get("id")),
        ("Município", _name(certificate.get("city"))),
        ("Local", _name(certificate.get("site"))),
        ("Instalado por", certificate.get("installer")),
        ("Pedido por", f"{clean(by.get('name')) or 'o próprio equipamento'}{role}"),
        ("Pedido em", local(certificate.get("asked_at"), zone)),
        ("Período examinado", f"{local(period.get('start'), zone)} a {local(period.get('end'), zone)}"),
        ("O mesmo em UTC", f"{utc(period.get('start'))} a {utc(period.get('end'))}"),
        ("Emitido em", f"{local(certificate.get('issued_at'), zone)} / {utc(certificate.get('issued_at'))}"),
        ("Observações", certificate.get("note")),
    ]


def _points(certificate: Mapping[str, Any], zone: tzinfo) -> list[Flowable]:
    rows = [
        (
            word(POINTS, point.get("name")),
            word(MARKS, point.get("result")),
            point_words(str(point.get("name")), certificate, zone),
        )
        for point in items(certificate.get("points"))
    ]
    return [together(heading("Itens verificados"), table(("Item", "Resultado", "O que foi medido"), (42, 24), rows))]


def _cameras(cameras: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes], zone: tzinfo) -> list[Flowable]:
    head = heading(f"Câmeras ({grouped(len(cameras))})")
    if not cameras:
        return [head, body("Nenhuma câmera está cadastrada.")]
    shown = [_camera(camera, pictures.get(str(camera.get("id"))), zone) for camera in cameras]
    return [together(head, *shown[0]), *(together(*one) for one in shown[1:])]


def _camera(camera: Mapping[str, Any], jpeg: bytes | None, zone: tzinfo) -> list[Flowable]:
    signed = mapping(camera.get("picture")).get("sha256")
    altered = jpeg is not None and signed is not None and hashlib.sha256(jpeg).hexdigest() != signed
    shown = NoPicture("IMAGEM ALTERADA") if altered else _picture(jpeg) or NoPicture("SEM IMAGEM")
    told = facts(_camera_facts(camera, zone), label_mm=25)
    told_wide = WIDTH - PICTURE_WIDE - 4 * mm
    told._argW = [25 * mm, told_wide - 25 * mm]  # noqa: SLF001 - narrower than a page: it stands beside the picture
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    beside = LongTable([[shown, "", told]], [PICTURE_WIDE, 4 * mm, told_wide], style=style)
    name = f"{_name(camera)}: {word(CAMERA_MARKS, camera.get('result'))}"
    return [heading(name), beside, *_gaps(camera, zone), space(2)]


class NoPicture(Flowable):  # type: ignore[misc]
    """A frame where the picture should be."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.width, self.height = PICTURE_WIDE, PICTURE_WIDE * 9 / 16

    def wrap(self, *_room: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        canvas.setStrokeColor(INK)
        canvas.setFillColor(SHADE)
        canvas.rect(0, 0, self.width, self.height, fill=1)
        canvas.setFillColor(RED)
        canvas.setFont("Helvetica-Bold", 15)
        canvas.drawCentredString(self.width / 2, self.height / 2 - 2 * mm, self._words)


def _picture(jpeg: bytes | None) -> Flowable | None:
    """None where there is none, or none that can be read."""
    if jpeg is None:
        return None
    try:
        wide, high = ImageReader(io.BytesIO(jpeg)).getSize()
    except OSError:
        return None
    factor = min(PICTURE_WIDE / wide, PICTURE_HIGH / high)
    return Image(io.BytesIO(jpeg), wide * factor, high * factor)


def _camera_facts(camera: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    proof, picture = mapping(camera.get("proof")), mapping(camera.get("picture"))
    recorded = "desligada" if camera.get("recording_enabled") is False else duration(proof.get("recorded_seconds"))
    missing = f", faltam {duration(proof['missing_seconds'])}" if proof.get("missing_seconds") else ", sem lacuna"
    state = word(STATES, camera.get("state"))
    cause = f" ({word(DETAILS, camera.get('state_cause'))})" if camera.get("state_cause") else ""
    faults = _faults(camera)
    return [
        ("Avisos", "; ".join(faults) or "nenhum"),
        ("Situação", f"{state}{cause}"),
        ("Gravação", recorded + ("" if recorded == "desligada" else missing)),
        ("Vídeo", _codec(mapping(camera.get("codec")))),
        ("Endereço", f"{or_dash(camera.get('host'))} ({or_dash(camera.get('protocol'))})"),
        *_device(mapping(camera.get("device")), zone),
        ("Imagem de", local(picture.get("taken_at"), zone) if picture else "não há"),
        ("SHA-256 dela", code(spaced(picture.get("sha256"), 8)) if picture else NOTHING),
    ]


def _codec(codec: Mapping[str, Any]) -> str:
    if not codec.get("codec"):
        return "não medido"
    parts = [word(CODECS, codec["codec"])]
    if codec.get("width"):
        parts.append(f"{codec['width']}\u00d7{codec.get('height')}")
    for name, words in (("fps", "{} quadros/s"), ("gop_s", "{} s entre quadros-chave")):
        value = codec.get(name)
        if isinstance(value, int | float):
            parts.append(words.format(decimal(value)))
    if codec.get("bitrate"):
        parts.append(rate(codec["bitrate"]))
    parts += ["com B-frames"] if codec.get("b_frames") else []
    return ", ".join([*parts, f"áudio {codec['audio']}" if codec.get("audio") else "sem áudio"])


def _device(device: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    if not device:
        return [("Equipamento", "não informou (sem ONVIF)")]
    made = " ".join(clean(device.get(name), 60) for name in ("manufacturer", "model") if device.get(name))
    ids = [
        f"{label} {clean(device[name], 60)}"
        for name, label in (("serial", "série"), ("mac", "MAC"))
        if device.get(name)
    ]
    firmware = f", firmware {clean(device['firmware'], 40)}" if device.get("firmware") else ""
    return [
        ("Equipamento", f"{made or NOTHING}{firmware}"),
        ("Número", ", ".join(ids) or NOTHING),
        ("Relógio dela", offset(device.get("clock_offset_seconds"))),
        ("Consultada em", local(device.get("seen_at"), zone)),
    ]


def _gaps(camera: Mapping[str, Any], zone: tzinfo) -> list[Flowable]:
    gaps = items(mapping(camera.get("proof")).get("gaps"))
    if not gaps or camera.get("recording_enabled") is False:
        return []
    rows = [
        (local(gap.get("start"), zone), local(gap.get("end"), zone), word(CAUSES, gap.get("cause")))
        for gap in gaps[:12]
    ]
    more = [note(f"e mais {grouped(len(gaps) - 12)} lacunas, no arquivo JSON")] if len(gaps) > 12 else []  # noqa: PLR2004 - as above
    return [space(1), table(("Sem gravação de", "Até", "Causa"), (55, 55), rows), *more]


def _box(certificate: Mapping[str, Any], zone: tzinfo) -> list[Flowable]:
    disk, network, software = (mapping(certificate.get(name)) for name in ("disk", "network", "software"))
    box, served, promise = (mapping(certificate.get(name)) for name in ("box", "certificate", "promise"))
    slowest = disk.get("slowest_write_seconds")
    pairs: list[tuple[str, object]] = [
        ("Número de série", box.get("serial")),
        ("Chave da caixa", code(spaced(box.get("fingerprint")))),
        ("Certificado HTTPS", code(served["fingerprint"]) if served else "HTTPS está desligado"),
        ("Nome na rede", _names(network)),
        ("Endereços", _addresses(network)),
        (
            "Disco",
            f"{size(disk.get('total_bytes'))}, livres {size(disk.get('free_bytes'))}, {word(KINDS, disk.get('kind'))}",
        ),
        ("Escrita medida", _written(disk, slowest)),
        ("As câmeras gravam", f"{size(disk.get('recording_bytes_per_s'))} por segundo"),
        ("Previsão", days(promise, zone)),
        ("Programas", _versions(software)),
    ]
    return [together(heading("O equipamento"), facts(pairs))]


def _names(network: Mapping[str, Any]) -> str:
    port = f", porta HTTPS {network['https_port']}" if network.get("https_port") else ""
    local_name = f" / {clean(network['local_name'])}" if network.get("local_name") else ""
    return f"{or_dash(network.get('host_name'))}{local_name}{port}"


def _addresses(network: Mapping[str, Any]) -> str:
    found = []
    for one in items(network.get("interfaces")):
        addresses = one.get("addresses")
        listed = ", ".join(clean(address, 60) for address in addresses) if isinstance(addresses, list) else ""
        found.append(f"{clean(one.get('name'), 20)}: {listed or 'sem endereço'} (MAC {or_dash(one.get('mac'))})")
    return "; ".join(found) or NOTHING


def _written(disk: Mapping[str, Any], slowest: object) -> str:
    if disk.get("write_bytes_per_s") is None:
        return "não medida: o volume não aceitou a escrita, ou não há espaço"
    known = isinstance(slowest, int | float)
    worst = f", a parte mais lenta levou {decimal(float(slowest) * 1000, 0)} ms" if known else ""  # type: ignore[arg-type]
    return (
        f"{size(disk['write_bytes_per_s'])} por segundo, em {size(disk.get('written_bytes'))} gravados com segurança "
        f"(fdatasync) enquanto as câmeras gravavam{worst}"
    )


def _versions(software: Mapping[str, Any]) -> str:
    names = (("vmsd", "vmsd"), ("mediamtx", "MediaMTX"), ("sqlite", "SQLite"))
    told = [f"{label} {clean(software[name], 60)}" for name, label in names if software.get(name)]
    return ", ".join([*told, *(clean(software[name], 100) for name in ("system", "kernel") if software.get(name))])


def _seal(signature: Mapping[str, Any]) -> list[Flowable]:
    pairs: list[tuple[str, object]] = [
        ("Impressão digital", code(spaced(signature.get("fingerprint")))),
        ("Chave pública", code(spaced(signature.get("public_key")))),
        ("Assinatura (Ed25519)", code(spaced(signature.get("signature")))),
    ]
    how = (
        "O que está assinado é o arquivo JSON deste laudo, não este papel: peça o arquivo junto com ele. Confira sem "
        f"rede, em qualquer computador, com “vmsd verify {CERTIFICATE_NAME}”, com “python3 verificar.py "
        f"{CERTIFICATE_NAME}” ou abrindo verificar.html no navegador. O JSON traz o SHA-256 de cada imagem; as imagens "
        "estão neste PDF byte por byte (“pdfimages -all” as tira de volta). Compare a impressão digital com a que o "
        "município publicou: é ela que diz de quem é a chave."
    )
    return [together(heading("Assinatura e como conferir"), facts(pairs), space(2), body(how))]

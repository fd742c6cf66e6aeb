"""The words of the acceptance report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from vmsd.paper.words import CLOCKS, NOTHING, decimal, duration, grouped, items, local, mapping, or_dash, size, word

MARKS = {"pass": "Aprovado", "warn": "Com aviso", "fail": "Reprovado"}
CAMERA_MARKS = {"pass": "aprovada", "warn": "com aviso", "fail": "reprovada"}
POINTS = {
    "cameras": "Câmeras",
    "clock": "Relógio da caixa",
    "volume": "Volume de gravações",
    "disk_speed": "Velocidade de escrita",
    "disk_wear": "Desgaste do disco",
    "promise": "Dias de gravação",
    "mediamtx": "Servidor de mídia",
    "certificate": "Certificado HTTPS",
}
FAULTS = {
    "no_picture": "sem imagem",
    "not_proven": "gravação não comprovada no período",
    "clock_untrusted": "gravada com o relógio não confiável",
    "no_signal": "sem sinal quando o laudo foi feito",
    "source_changed": "o endereço mudou durante o período: parte da gravação é de outra fonte",
    "stranger": "outro equipamento responde no endereço dela",
    "frozen": "a mesma imagem em momentos diferentes: a câmera pode estar travada",
    "not_recorded": "gravação desligada",
    "clock_offset": "o relógio da câmera está errado",
    "h265_browser": "H.265 não toca em todo navegador: prefira H.264 ao menos no fluxo secundário",
    "b_frames_webrtc": "B-frames atrapalham o ao vivo: desligue na câmera",
    "gop_long": "mais de 4 s entre quadros-chave: ajuste para 2 s",
    "audio_g711_hls": "o áudio G.711 não toca no navegador: prefira AAC",
    "mjpeg_no_live": "MJPEG é convertido pela caixa: prefira RTSP com H.264",
    "no_keyframe_seen": "nenhum quadro-chave chegou a tempo",
}
STATES = {
    "online": "com sinal",
    "offline": "sem sinal",
    "stalled": "conectada, sem enviar imagem",
    "starting": "iniciando",
    "disabled": "desligada",
}
CODECS = {"h264": "H.264", "h265": "H.265", "mjpeg": "MJPEG"}
KINDS = {
    "emmc": "memória eMMC",
    "nvme": "SSD NVMe",
    "ssd": "SSD",
    "rotating": "disco rígido",
    "unknown": "de tipo desconhecido",
}
VOLUMES = {
    "ok": "presente e gravável",
    "missing": "não encontrado",
    "foreign": "de outra caixa",
    "unreadable": "não pode ser lido",
    "read_only": "só leitura",
}


def point_words(name: str, certificate: Mapping[str, Any], zone: tzinfo) -> str:
    """What was measured at this point."""
    part = mapping(certificate.get(_SOURCES.get(name, name)))
    if name == "cameras":
        return _cameras(items(certificate.get("cameras")))
    if name == "mediamtx":
        version = or_dash(part.get("mediamtx"))
        return f"substituto, só para testes ({version})" if "stand" in version else f"MediaMTX {version}"
    if name == "promise":
        return days(part, zone)
    if name == "certificate":
        return f"válido até {local(part.get('not_after'), zone)}" if part else "desligado"
    say = _WORDS.get(name)
    return NOTHING if say is None else say(part)


_SOURCES = {"volume": "disk", "disk_speed": "disk", "disk_wear": "disk", "mediamtx": "software"}


def _cameras(cameras: list[Mapping[str, Any]]) -> str:
    if not cameras:
        return "nenhuma câmera cadastrada"
    results = [camera.get("result") for camera in cameras]
    told = ((results.count(mark), words) for mark, words in _RESULTS)
    return ", ".join(f"{grouped(count)} {one if count == 1 else many}" for count, (one, many) in told if count)


_RESULTS = (
    ("pass", ("aprovada", "aprovadas")),
    ("warn", ("com aviso", "com aviso")),
    ("fail", ("reprovada", "reprovadas")),
)


def _clock(clock: Mapping[str, Any]) -> str:
    synchronised = "sincronizado" if clock.get("synchronised") else "sem sincronização com a rede"
    left = clock.get("offset_seconds")
    known = isinstance(left, int | float) and clock.get("synchronised")
    by = f", desvio {decimal(abs(float(left or 0)) * 1000, 3)} ms" if known else ""
    return f"{word(CLOCKS, clock.get('trusted'))}, {synchronised}{by}"


def _speed(disk: Mapping[str, Any]) -> str:
    speed, needed = disk.get("write_bytes_per_s"), disk.get("recording_bytes_per_s")
    if not isinstance(speed, int):
        return "não medida"
    times = f", {decimal(speed / needed)} vezes o que as câmeras gravam" if isinstance(needed, int) and needed else ""
    return f"{size(speed)} por segundo{times}"


def _wear(disk: Mapping[str, Any]) -> str:
    used = disk.get("used_of_life")
    return f"{decimal(used * 100, 0)} % da vida usada" if isinstance(used, int | float) else "o disco não informa"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "clock": _clock,
    "volume": lambda disk: (
        word(VOLUMES, disk.get("condition")) + (", gravação suspensa" if disk.get("stopped") else "")
    ),
    "disk_speed": _speed,
    "disk_wear": _wear,
}


def days(promise: Mapping[str, Any], zone: tzinfo) -> str:
    """What the disk holds against what was promised."""
    promised, held = grouped(promise.get("promised_days")), promise.get("held_days")
    if not isinstance(held, int | float):
        return f"prometidos {promised} dias; quanto o disco guarda ainda não foi medido"
    told = f"prometidos {promised} dias; no ritmo medido o disco guarda {decimal(held)}"
    breaks = promise.get("breaks_at")
    return f"{told}: a promessa quebra em {local(breaks, zone)}" if breaks else f"{told} (o prazo do plano)"


def offset(seconds: object) -> str:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return "não medido"
    if not seconds:
        return "certo"
    return f"{'adiantado' if seconds > 0 else 'atrasado'} {duration(abs(seconds))}"


def rate(bits: object) -> str:
    if not isinstance(bits, int | float):
        return or_dash(bits)
    return f"{decimal(bits / 1e6)} Mbit/s" if bits >= 1e6 else f"{decimal(bits / 1e3, 0)} kbit/s"  # noqa: PLR2004 - a million

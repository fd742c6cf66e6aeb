"""The purge report on paper: what was deleted in a period, by which rule, and what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from reportlab.platypus import Flowable  # type: ignore[import-untyped]

from vmsd.paper.document import body, code, facts, heading, print_pdf, sheet_of, space, table, title, together
from vmsd.paper.words import (
    KEEPINGS,
    NOTHING,
    RULES,
    clean,
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

TITLE = "Relatório de expurgo"


def render(report: Mapping[str, Any]) -> bytes:
    """Of a report as the API answers it."""
    zone = zone_of(report)
    story = [
        *title(TITLE, f"{local(report.get('start'), zone)} a {local(report.get('end'), zone)}"),
        body(_summary(report)),
        space(1),
        facts(_facts(report, zone)),
        heading("Por regra"),
        _rules(items(report.get("by_rule"))),
        heading("Por câmera"),
        _cameras(items(report.get("by_camera")), zone),
        heading("O que já passou do prazo e não foi apagado: exceções"),
        _kept(items(report.get("kept"))),
        *_audit(mapping(report.get("audit_head")), zone),
    ]
    return print_pdf(sheet_of(TITLE, report), story)


def _summary(report: Mapping[str, Any]) -> str:
    count = report.get("recordings")
    what = {0: "nenhuma gravação foi apagada", 1: "uma gravação foi apagada"}.get(
        count if isinstance(count, int) else -1, f"{grouped(count)} gravações foram apagadas"
    )
    return (
        f"Neste período, {what} ({size(report.get('bytes'))}). O equipamento apaga por regra e registra cada arquivo "
        "apagado, com hora, regra e, quando havia, o resumo SHA-256; nada preservado, de ocorrência ou requisitado é "
        "apagado enquanto durar a exceção."
    )


def _facts(report: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    by = clean(mapping(report.get("by")).get("name")) or "o próprio equipamento"
    return [
        ("Número", report.get("id")),
        ("Período", f"{local(report.get('start'), zone)} a {local(report.get('end'), zone)}"),
        ("Período em UTC", f"{utc(report.get('start'))} a {utc(report.get('end'))}"),
        ("Gravações apagadas", grouped(report.get("recordings"))),
        ("Espaço liberado", f"{size(report.get('bytes'))} ({grouped(report.get('bytes'))} bytes)"),
        ("Imagem mais antiga", local(report.get("oldest"), zone)),
        ("Imagem mais recente", local(report.get("newest"), zone)),
        ("Provado pela auditoria", _proof(mapping(report.get("ledger")))),
        ("Feito em", f"{local(report.get('created_at'), zone)} / {utc(report.get('created_at'))}"),
        ("Feito por", by),
    ]


def _proof(ledger: Mapping[str, Any]) -> str:
    lines, proved = ledger.get("lines"), ledger.get("proved")
    if not isinstance(lines, int):
        return NOTHING
    if not isinstance(proved, int):
        return f"não conferido: {grouped(lines)} linhas são demais para um relatório"
    return f"{grouped(proved)} de {grouped(lines)} linhas do registro de arquivos apagados"


def _rules(rules: Sequence[Mapping[str, Any]]) -> Flowable:
    if not rules:
        return body("Nada foi apagado.")
    rows = [(word(RULES, one.get("rule")), grouped(one.get("recordings")), size(one.get("bytes"))) for one in rules]
    return table(("Regra", "Gravações", "Espaço"), (90, 40), rows, right=(1, 2))


def _cameras(cameras: Sequence[Mapping[str, Any]], zone: tzinfo) -> Flowable:
    if not cameras:
        return body("Nada foi apagado.")
    rows = [
        (
            one.get("name") or one.get("camera_id"),
            grouped(one.get("recordings")),
            size(one.get("bytes")),
            local(one.get("oldest"), zone),
            local(one.get("newest"), zone),
        )
        for one in cameras
    ]
    heads = ("Câmera", "Gravações", "Espaço", "Mais antiga", "Mais recente")
    return table(heads, (46, 20, 20, 42), rows, right=(1, 2))


def _kept(kept: Sequence[Mapping[str, Any]]) -> Flowable:
    if not kept:
        return body("Nenhuma exceção em vigor.")
    rows = [
        (
            word(KEEPINGS, one.get("keeping")),
            or_dash(one.get("name")),
            grouped(one.get("periods")),
            size(one.get("bytes")),
        )
        for one in kept
    ]
    return table(("Exceção", "Nome ou número", "Períodos", "Espaço"), (48, 72, 22), rows, right=(2, 3))


def _audit(head: Mapping[str, Any], zone: tzinfo) -> list[Flowable]:
    if not head:
        return []
    pairs: list[tuple[str, object]] = [
        ("Cabeça", code(spaced(head.get("hash")))),
        ("Assinada em", f"{local(head.get('at'), zone)} / {utc(head.get('at'))}"),
    ]
    how = (
        "A auditoria é uma corrente: cada linha traz o resumo da anterior. Guarde este relatório fora do equipamento: "
        "se alguém mudar uma linha anterior a esta cabeça, a corrente deixa de chegar a ela, e a conferência diz onde."
    )
    return [together(heading("Auditoria"), facts(pairs), space(2), body(how))]

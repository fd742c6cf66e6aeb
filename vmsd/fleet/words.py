"""What the central office reads, in Portuguese and in English; and remote text made harmless."""

from __future__ import annotations

from typing import Literal

Language = Literal["pt", "en"]
FINDINGS: dict[str, tuple[str, str]] = {
    "unreachable": ("não responde: {why}", "does not answer: {why}"),
    "timeout": ("não respondeu em {seconds} s", "did not answer within {seconds} s"),
    "certificate": ("o certificado não é o esperado", "the certificate is not the expected one"),
    "token_refused": ("recusou o token ({status})", "refused the token ({status})"),
    "redirects": ("manda para outro endereço ({status})", "sends elsewhere ({status})"),
    "http_status": ("respondeu {status}", "answered {status}"),
    "too_large": ("resposta maior que {bytes} bytes", "an answer of more than {bytes} bytes"),
    "not_a_status": ("a resposta não é um estado de vmsd: {why}", "the answer is no status of vmsd: {why}"),
    "forged": ("ASSINATURA FALSA", "FORGED SIGNATURE"),
    "other_box": ("ASSINADO POR OUTRA CAIXA: {box}", "SIGNED BY ANOTHER BOX: {box}"),
    "old": ("documento velho: {ago}", "an old document: {ago}"),
    "ahead": ("relógio adiantado {ago}", "its clock is {ago} ahead"),
    "replayed": (
        "DOCUMENTO ANTERIOR AO ÚLTIMO JÁ LIDO (repetido?)",
        "A DOCUMENT OLDER THAN THE LAST ONE READ (replayed?)",
    ),
    "audit_back": (
        "AUDITORIA VOLTOU ATRÁS: linha {row}, já era {known}",
        "AUDIT LOG WENT BACK: row {row}, was {known} already",
    ),
    "audit_forked": (
        "AUDITORIA REESCRITA: a linha {row} é outra",
        "AUDIT LOG WRITTEN ANEW: row {row} is another one",
    ),
    "audit_unproven": (
        "não prova que a auditoria continua da linha {row}",
        "does not prove that its audit log follows from row {row}",
    ),
    "audit_head_forged": (
        "CABEÇA DA AUDITORIA NÃO CONFERE",
        "THE SIGNED HEAD OF THE AUDIT LOG DOES NOT FIT",
    ),
    "no_cameras": ("nenhuma câmera", "no cameras"),
    "unrecorded": ("{count} câmera(s) sem gravar{which}", "{count} camera(s) not recorded{which}"),
    "not_recording": ("NADA PODE SER GRAVADO: {reason}", "NOTHING MAY BE RECORDED: {reason}"),
    "volume": ("disco de gravações: {condition}", "recordings volume: {condition}"),
    "disk_failing": ("o disco anuncia defeito", "the disk says that it is failing"),
    "disk_worn": ("disco gasto: {percent} %", "disk worn: {percent} %"),
    "promise_broken": (
        "PROMESSA QUEBRADA: cabem {holds} de {promised} dias",
        "PROMISE BROKEN: holds {holds} of {promised} days",
    ),
    "promise_breaks": (
        "promessa em risco: caberão {holds} de {promised} dias a partir de {at}",
        "promise at risk: will hold {holds} of {promised} days from {at}",
    ),
    "clock": ("relógio sem confiança: {reason}", "clock not trusted: {reason}"),
    "clock_drifts": ("relógio não sincronizado", "clock not synchronised"),
    "mediamtx": ("servidor de mídia parado", "the media server is away"),
    "database": ("erro no banco de dados", "database error"),
    "safe_mode": ("em modo de segurança", "in safe mode"),
    "low_coverage": ("pior câmera com {percent} % das últimas 24 h", "worst camera has {percent} % of the last 24 h"),
    "alerts_open": ("{count} alerta(s) crítico(s) aberto(s)", "{count} critical alert(s) open"),
    "tasks_late": ("tarefas atrasadas: {names}", "tasks late: {names}"),
    "notice": ("aviso: {name}", "notice: {name}"),
    "first": ("primeira leitura: caixa {box}", "read for the first time: box {box}"),
}
WORDS: dict[str, tuple[str, str]] = {
    "title": ("Locais", "Sites"),
    "site": ("Local", "Site"),
    "state": ("Situação", "State"),
    "cameras": ("Gravando", "Recording"),
    "coverage": ("Pior 24 h", "Worst 24 h"),
    "disk": ("Disco", "Disk"),
    "promise": ("Promessa", "Promise"),
    "alerts": ("Alertas", "Alerts"),
    "audit": ("Auditoria", "Audit"),
    "version": ("Versão", "Version"),
    "took": ("Resposta", "Answer"),
    "what": ("O que olhar", "What to look at"),
    "green": ("em ordem", "fine"),
    "amber": ("atenção", "look"),
    "red": ("problema", "wrong"),
    "days": ("{holds} de {promised} dias", "{holds} of {promised} days"),
    "summary": (
        "{all} locais: {green} em ordem, {amber} com atenção, {red} com problema",
        "{all} sites: {green} fine, {amber} to look at, {red} wrong",
    ),
    "made": ("Lido em {at} (UTC)", "Read at {at} (UTC)"),
    "box": ("Caixa", "Box"),
    "asking": ("Consultando os locais", "Asking the sites"),
    "nothing": ("nada", "nothing"),
    "unseen": ("Cada documento foi conferido com a chave da caixa.", "Each document was checked with the box's key."),
    "row": ("linha {row}", "row {row}"),
    "why.refused": ("conexão recusada", "connection refused"),
    "why.reset": ("conexão cortada", "connection cut"),
    "why.no_way": ("sem caminho até lá", "no way there"),
    "why.no_name": ("nome desconhecido", "unknown name"),
    "why.tls": ("não fala TLS", "speaks no TLS"),
    "why.protocol": ("não fala HTTP", "speaks no HTTP"),
}
MOST_CHARS = 200
_SIZES = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def say(code: str, language: Language, /, **facts: object) -> str:
    """Facts that are words of ours are said in the same language, and fractions are written its way."""
    portuguese, english = WORDS.get(code) or FINDINGS[code]
    text = portuguese if language == "pt" else english
    return plain(text.format(**{name: _said(value, language) for name, value in facts.items()}))


def _said(value: object, language: Language) -> str:
    if isinstance(value, float):
        return decimal(value, language)
    return say(value, language) if isinstance(value, str) and value in WORDS else plain(str(value))


def decimal(value: float, language: Language) -> str:
    """To one place."""
    text = f"{value:.1f}"
    return text.replace(".", ",") if language == "pt" else text


def plain(text: str, most: int = MOST_CHARS) -> str:
    """On one line, with nothing in it that would move a cursor, colour a terminal or turn the text around."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def duration(seconds: float) -> str:
    """In its largest unit, whole."""
    for size, name in _SIZES:
        if seconds >= size:
            return f"{int(seconds // size)} {name}"
    return "0 s"

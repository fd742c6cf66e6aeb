"""The papers of a sealed package: its chain of custody, what the audit log says of it, and what to read first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmsd.clock import rfc3339
from vmsd.model.audit import Head, Record, statement
from vmsd.model.export import Export
from vmsd.model.keeping import Hold
from vmsd.services.clock_trust import ClockTrust
from vmsd.store.audit import CityAudit

MOST_ROWS = 10_000
"""The verifier reads the extract in one piece."""
EVER_MS = -(1 << 53)


@dataclass(frozen=True)
class Papers:
    """What is known around an export; `rows` in the order in which they were written.

    `complete` when none is left out; `sound` when the log follows from its last signed head.
    """

    hold: Hold | None
    rows: Sequence[Record]
    head: Head | None
    clock: ClockTrust
    complete: bool = True
    sound: bool = True


async def rows_about(audit: CityAudit, export: Export, hold: Hold | None) -> Sequence[Record]:
    """Newest first, one more than there is room for: its cameras since the period began, this export, and its hold."""
    subjects = {export.public_id: EVER_MS} | dict.fromkeys(export.cameras, export.start_ms)
    if hold is not None:
        subjects[hold.public_id] = EVER_MS
    return await audit.about(subjects, limit=MOST_ROWS + 1)


def audit_extract(papers: Papers) -> Mapping[str, Any]:
    """No number of a row and no hash of the one before: they would tell how much happens elsewhere."""
    return {
        "format": "vmsd-audit-extract/1",
        "chain": "sound" if papers.sound else "broken",
        "complete": papers.complete,
        "rows": [_row(record) for record in papers.rows],
        "head": None if papers.head is None else _head(papers.head),
    }


def _row(record: Record) -> Mapping[str, Any]:
    return {
        "id": record.id,
        "at": rfc3339(record.at_ms),
        "clock_trusted": bool(record.clock_trusted),
        "person": record.person,
        "name": record.person_name,
        "role": record.role,
        "address": record.address,
        "action": record.action,
        "subject_kind": record.subject_kind,
        "subject": record.subject,
        "reason": record.reason,
        "facts": record.facts,
    }


def _head(head: Head) -> Mapping[str, Any]:
    return {
        "hash": head.hash.hex(),
        "at": rfc3339(head.at_ms),
        "clock_trusted": head.clock_trusted,
        "public_key": head.public_key.hex(),
        "signature": head.signature.hex(),
        "statement": statement(head).decode(),
    }


def custody(export: Export, hold: Hold | None, now_ms: int, recorded: tuple[int, int, int]) -> Mapping[str, Any]:
    """`recorded` are: when the last recording was closed, how many were hashed then, and how many only now."""
    asked = (export.person_name or "", export.person_role or "")
    box = ("vmsd", "sistema")
    closed_ms, hashed, hashed_late = recorded
    events = []
    if hold is not None:
        keeper = (hold.person_name or "", "")
        said = f"requisição {hold.number}, {hold.authority}: {hold.purpose}"
        events.append(_event("reconhecimento", hold.created_ms, keeper, said))
        events.append(_event("isolamento", hold.created_ms, keeper, "retenção registrada: nada do período é apagado"))
    else:
        events.append(_event("isolamento", export.created_ms, asked, "nada do período é apagado durante a exportação"))
    fixed = f"SHA-256 de {hashed} gravações no fechamento e de {hashed_late} na exportação"
    events.append(_event("fixacao", closed_ms, box, fixed))
    events.append(_event("coleta", export.created_ms, asked, export.reason))
    events.append(_event("acondicionamento", now_ms, box, "pacote lacrado com a chave Ed25519 da caixa"))
    return {
        "format": "vmsd-custody/1",
        "package_id": export.public_id,
        "procedure": {
            "number": export.request_number,
            "authority": hold.authority if hold else None,
            "purpose": hold.purpose if hold else None,
            "hold_id": hold.public_id if hold else None,
            "hold_number": hold.number if hold else None,
        },
        "events": sorted(events, key=lambda event: str(event["at"])),
    }


def _event(step: str, at_ms: int, who: tuple[str, str], detail: str) -> Mapping[str, Any]:
    person, role = who
    return {"step": step, "at": rfc3339(at_ms), "person": person, "role": role, "detail": detail}


def read_me(manifest: Mapping[str, Any], papers: Papers) -> str:
    """Of a manifest without its files."""
    package, box = manifest["package"], manifest["box"]
    doubt = ("" if papers.clock.trusted else DOUBT) + ("" if papers.sound else BROKEN)
    return READ_ME.format(id=package["id"], site=package["site"], fingerprint=box["fingerprint"], doubt=doubt)


DOUBT = """
ATENÇÃO: o relógio da caixa não era confiável quando este pacote foi feito. Veja "clock" no manifest.json.
WARNING: the clock of the box was not trusted when this package was made. See "clock" in manifest.json.
"""
BROKEN = """
ATENÇÃO: o registro de auditoria da caixa não segue mais da última cabeça que ela assinou. O extrato termina nela.
WARNING: the audit log of the box does not follow from the last head it signed. The extract ends there.
"""
READ_ME = """PACOTE DE EVIDÊNCIA {id}
{site}
{doubt}
Comece pelo termo.pdf. Para conferir o pacote, sem rede e sem instalar nada:
  - abra verificar.html num navegador e escolha o arquivo ZIP; ou
  - python3 verificar.py PACOTE.zip
Compare a impressão digital da chave com a que a caixa mostra:
  {fingerprint}

  original/    os arquivos como a caixa os gravou, bit a bit: são a evidência
  video/       cópia de visualização: as mesmas imagens, sem recodificar, num só arquivo por câmera
  manifest.json, signature.json    o que há no pacote, com o SHA-256 de cada arquivo, e a assinatura da caixa
  custody.json, termo.pdf          a cadeia de custódia (CPP, art. 158-B)
  audit-extract.json               o que o registro de auditoria diz destas câmeras e deste pedido

---

EVIDENCE PACKAGE {id}

Begin with termo.pdf. To check the package, without a network and without installing anything:
  - open verificar.html in a browser and choose the ZIP; or
  - python3 verificar.py PACKAGE.zip
Compare the key's fingerprint, above, with the one the box shows.

  original/    the files as the box recorded them, bit by bit: these are the evidence
  video/       viewing copies: the same pictures, not encoded again, in one file per camera
  manifest.json, signature.json    what is in the package, with the SHA-256 of each file, and the box's signature
  custody.json, termo.pdf          the chain of custody (Brazil's Code of Criminal Procedure, art. 158-B)
  audit-extract.json               what the audit log says of these cameras and of this request
"""

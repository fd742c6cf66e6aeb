"""`site-result.txt`: what became of the site file, for an installer without a screen, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmsd.host.durable import write_durably
from vmsd.site_file.words import Language, Problem

NAME = "site-result.txt"
MOST_PROBLEMS, MOST_CHARS = 1000, 600
"""Of one file, and in one line: what has more is no site file that somebody wrote."""
LINES: dict[str, tuple[str, str]] = {
    "good": ("Tudo certo: o arquivo pode ser aplicado.", "All is well: the file can be applied."),
    "applied": ("O arquivo foi aplicado.", "The file has been applied."),
    "refused": (
        "O arquivo NÃO foi aplicado, e nada foi mudado na caixa. Corrija e ligue a caixa de novo:",
        "The file has NOT been applied, and nothing was changed on the box. Correct it and start the box again:",
    ),
    "bad": ("O arquivo tem de ser corrigido:", "The file has to be corrected:"),
    "in_use": (
        (
            "O arquivo NÃO foi aplicado: esta caixa já foi configurada. Mude o que for preciso nas telas dela. Só a"
            " seção [network] do arquivo que foi aplicado pode ser mudada por ele. Para começar do zero: restauração de"
            " fábrica."
        ),
        (
            "The file has NOT been applied: this box is set up already. Change what is needed on its pages. Only the"
            " section [network] of the file that was applied can be changed by it. To begin anew: factory reset."
        ),
    ),
    "failed": (
        "O arquivo ainda não foi aplicado até o fim; a caixa tenta de novo quando for ligada. O erro: {detail}",
        "The file has not been applied to the end yet; the box tries again when it is started. The error: {detail}",
    ),
    "city": ("Local: {site}. Cidade: {city}, plano {plan}.", "Site: {site}. City: {city}, plan {plan}."),
    "cameras": ("Câmeras: {added}.", "Cameras: {added}."),
    "camera_refused": ("Câmera recusada: {name}: {detail_pt}", "Camera refused: {name}: {detail}"),
    "log_in": (
        (
            "Abra https://{name}.local, ou o endereço que aparece na tela da caixa, e entre como {admin} com a senha de"
            " uso único que está nela."
        ),
        (
            "Open https://{name}.local, or the address on the box's screen, and log in as {admin} with the single-use"
            " password that stands there."
        ),
    ),
    "log_in_chosen": (
        (
            "Abra https://{name}.local, ou o endereço que aparece na tela da caixa, e entre como {admin} com a senha"
            " que estava no arquivo; a caixa pede outra."
        ),
        (
            "Open https://{name}.local, or the address on the box's screen, and log in as {admin} with the password"
            " that was in the file; the box asks for another."
        ),
    ),
    "network_untouched": (
        "A rede não foi mudada: neste sistema quem cuida dela é outro programa, não o systemd-networkd.",
        "The network was not changed: on this system another program than systemd-networkd takes care of it.",
    ),
    "removed": ("As senhas foram apagadas do arquivo.", "The passwords have been removed from the file."),
    "not_removed": (
        "ATENÇÃO: as senhas não puderam ser apagadas do arquivo ({detail}). Apague o arquivo.",
        "ATTENTION: the passwords could not be removed from the file ({detail}). Delete the file.",
    ),
    "more": ("... e mais {count}.", "... and {count} more."),
    "time": ("Pelo relógio da caixa: {at}", "By the box's clock: {at}"),
}
TITLES: dict[Language, str] = {"pt_BR": "PORTUGUÊS", "en": "ENGLISH"}


@dataclass(frozen=True)
class Line:
    code: str
    facts: dict[str, object]

    def said(self, language: Language) -> str:
        return LINES[self.code][language == "en"].format_map(self.facts)


def line(code: str, **facts: object) -> Line:
    return Line(code, facts)


def shown(text: str) -> str:
    """One line, with nothing in it that a terminal would obey; names of fields are as somebody typed them."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text)
    return plain if len(plain) <= MOST_CHARS else f"{plain[:MOST_CHARS]} ..."


@dataclass(frozen=True)
class Result:
    """Nothing in it is a secret: it may be read by everybody."""

    lines: Sequence[Line]
    problems: Sequence[Problem] = ()

    def said(self, language: Language) -> str:
        told = self.problems[:MOST_PROBLEMS]
        words = [*(one.said(language) for one in self.lines), *(f"  {one.text(language)}" for one in told)]
        if len(self.problems) > len(told):
            words.append(f"  {line('more', count=len(self.problems) - len(told)).said(language)}")
        return "".join(f"{shown(one)}\n" for one in words)

    @property
    def text(self) -> str:
        return "\n".join(self._parts())

    def _parts(self) -> Iterator[str]:
        for language, title in TITLES.items():
            yield f"{title}\n\n{self.said(language)}"


def write_result(folder: Path, result: Result) -> None:
    """As programs on Windows want it: with a mark, and two signs at the end of a line."""
    write_durably(folder / NAME, result.text.replace("\n", "\r\n").encode("utf-8-sig"))

"""What can be wrong with a site file, said plainly in Portuguese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as member
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

Language = Literal["pt_BR", "en"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "file_missing": ("este arquivo não está ao lado do site.toml", "this file is not beside site.toml"),
    "file_unreadable": ("este arquivo não pode ser lido", "this file cannot be read"),
    "file_large": ("o arquivo é grande demais", "the file is too large"),
    "file_no_text": ("isto não é um arquivo de texto", "this is not a text file"),
    "file_name": (
        "diga só o nome de um arquivo que está ao lado deste, sem pastas",
        "give the name alone of a file beside this one, no folders",
    ),
    "file_empty": ("não há nenhuma câmera neste arquivo", "there is no camera in this file"),
    "wrong_name": (
        "o arquivo se chama {found}: mude o nome para site.toml",
        "the file is called {found}: rename it to site.toml",
    ),
    "csv": ("a linha não é de uma planilha CSV: {detail}", "the line is not one of a CSV table: {detail}"),
    "csv_cells": ("há mais colunas do que no cabeçalho", "more cells than the heading names"),
    "syntax": (
        "a linha está escrita errado. O certo é: nome = valor, e textos vão entre aspas",
        "the line is not written right. It should be: name = value, and texts go between quotes",
    ),
    "syntax_value": (
        'falta o valor, ou faltam as aspas: textos vão entre aspas, como em name = "Centro"',
        'the value or its quotes are missing: texts go between quotes, as in name = "Centre"',
    ),
    "syntax_open": (
        "as aspas ou os colchetes abertos aqui não foram fechados na mesma linha",
        "the quotes or brackets opened here are not closed on the same line",
    ),
    "syntax_quotes": (
        'as aspas são as de editor de textos (“ ”): use aspas simples de teclado (")',
        'the quotes are those of a word processor (“ ”): use the plain ones of the keyboard (")',
    ),
    "syntax_twice": ("isto já foi dito mais acima no arquivo", "this was already said further up in the file"),
    "syntax_header": (
        "o nome da seção está escrito errado. O certo é, por exemplo: [city]",
        "the name of the section is not written right. It should be, for example: [city]",
    ),
    "missing": ("falta este campo, que é obrigatório", "this field is missing, and it is needed"),
    "missing_section": ("falta a seção [{section}] com {fields}", "the section [{section}] with {fields} is missing"),
    "extra_forbidden": ("este campo não existe{near_pt}", "there is no such field{near_en}"),
    "string_type": ('aqui vai um texto entre aspas, como "assim"', 'here goes a text between quotes, "like this"'),
    "int_type": ("aqui vai um número inteiro, sem aspas", "here goes a whole number, without quotes"),
    "int_parsing": ("aqui vai um número inteiro", "here goes a whole number"),
    "float_type": ("aqui vai um número, com ponto e sem aspas", "here goes a number, without quotes"),
    "float_parsing": ("aqui vai um número, com ponto", "here goes a number, with a point"),
    "bool_type": ("aqui vai true ou false, sem aspas", "here goes true or false, without quotes"),
    "bool_parsing": ("aqui vai true ou false", "here goes true or false"),
    "list_type": ('aqui vai uma lista, como ["a", "b"]', 'here goes a list, like ["a", "b"]'),
    "tuple_type": ('aqui vai uma lista, como ["a", "b"]', 'here goes a list, like ["a", "b"]'),
    "section_type": ("isto é uma seção: escreva [{section}]", "this is a section: write [{section}]"),
    "cameras_type": ("escreva [[camera]] para cada câmera", "write [[camera]] for each camera"),
    "camera_type": ("aqui vai lat e lon: {{ lat = -23.5, lon = -46.6 }}", "lat and lon go here"),
    "string_too_short": ("não pode ficar vazio", "must not be empty"),
    "string_too_long": ("no máximo {max_length} caracteres", "at most {max_length} characters"),
    "too_long": ("no máximo {max_length}", "at most {max_length}"),
    "string_pattern_mismatch": (
        "há sinais que não podem estar aqui",
        "there are signs in it that cannot be here",
    ),
    "literal_error": ("tem de ser {expected_pt}", "must be {expected}"),
    "greater_than_equal": ("no mínimo {ge}", "at least {ge}"),
    "less_than_equal": ("no máximo {le}", "at most {le}"),
    "zone": (
        'este fuso horário não existe{near_pt} O usual é "America/Sao_Paulo"',
        'there is no such time zone{near_en} The usual one is "America/Sao_Paulo"',
    ),
    "address": (
        'aqui vai "dhcp", ou um endereço IPv4 com a máscara, como "192.168.0.10/24"',
        'here goes "dhcp", or an IPv4 address with its mask, like "192.168.0.10/24"',
    ),
    "address_mask": (
        'falta a máscara depois do endereço, como em "192.168.0.10/24"',
        'the mask is missing after the address, as in "192.168.0.10/24"',
    ),
    "address_kind": (
        "este endereço não pode ser o de um computador desta rede: é {kind_pt}",
        "no computer of this network can have this address: it is {kind}",
    ),
    "one_address": ('aqui vai um endereço IPv4, como "192.168.0.1"', 'here goes an IPv4 address, like "192.168.0.1"'),
    "host": (
        "aqui vai o nome ou o endereço de um servidor",
        "here goes the name or the address of a server",
    ),
    "gateway_outside": (
        "o roteador não está na rede {network} do endereço da caixa",
        "the gateway is not in the network {network} of the box's address",
    ),
    "gateway_self": ("o roteador não pode ser a própria caixa", "the gateway cannot be the box itself"),
    "dhcp_alone": (
        'só vale com endereço fixo: com address = "dhcp" quem diz é a rede',
        'counts with a fixed address alone: with address = "dhcp" the network says it',
    ),
    "cameras_overlap": (
        "a rede das câmeras é a mesma de [network]: têm de ser redes diferentes",
        "the camera network is that of [network]: they must be different networks",
    ),
    "cameras_only_card": (
        "é a única placa de rede desta caixa: a rede das câmeras precisa de uma segunda",
        "it is the only network card of this box: a camera network needs a second one",
    ),
    "line_long": (
        "a linha é longa demais para um arquivo do local",
        "the line is too long for one of a site file",
    ),
    "cameras_interface": (
        "é a mesma placa de [network]: as câmeras têm uma só delas",
        "it is the card of [network]: the cameras have one of their own",
    ),
    "interface_needed": (
        "há mais de uma placa de rede nesta caixa ({found}): diga qual é em interface",
        "there is more than one network card in this box ({found}): say which in interface",
    ),
    "interface_unknown": (
        "não há placa de rede com este nome nesta caixa{near_pt}; há: {found}",
        "there is no network card of this name in this box{near_en}; there are: {found}",
    ),
    "token": (
        "não é um token: começa com vmsd_ e tem pelo menos 43 letras e números sorteados, como a central deu",
        "this is no token: it begins with vmsd_ and has at least 43 random letters and digits, as the office gave it",
    ),
    "ssh_key": (
        "não é uma chave pública de SSH, como a do arquivo id_ed25519.pub",
        "this is no public SSH key, such as the one in id_ed25519.pub",
    ),
    "recipient": (
        'não é uma chave pública do age, que começa com "age1"',
        'this is no public key of age, which begins with "age1"',
    ),
    "weak_password": ("a senha é fraca: {detail_pt}", "the password is weak: {detail}"),
    "name_twice": (
        "este nome já é o da câmera da linha {line}: cada câmera tem o seu",
        "this is already the name of the camera on line {line}: each camera has its own",
    ),
    "too_many_cameras": ("no máximo {most} câmeras", "at most {most} cameras"),
    "secret_removed": (
        "a senha foi apagada quando este arquivo foi aplicado em uma caixa: escreva de novo",
        "the secret was removed when this file was applied to a box: write it again",
    ),
    "said": ("{detail_pt}", "{detail}"),
    "other": ("o valor não serve ({detail})", "the value cannot be used ({detail})"),
}
KINDS = {
    "network": ("o endereço da própria rede", "the network's own"),
    "broadcast": ("o endereço de todos", "that of all at once"),
    "loopback": ("o de cada computador para si mesmo", "every computer's own, for itself"),
    "multicast": ("um endereço de grupo", "one of a group"),
    "none": ("o endereço de ninguém", "nobody's"),
    "link": ("um endereço provisório", "a provisional one"),
}
DETAILS = {
    "the host has no address": "este nome não tem endereço",
    "the address points at this box itself": "este é o endereço da própria caixa",
    "no network of this box leads there": (
        "nenhuma rede desta caixa leva até este endereço: confira o endereço, ou diga o roteador em [network] gateway"
    ),
    "no camera lives at an address of this kind": "nenhuma câmera pode ter um endereço deste tipo",
    "an IPv4 address is written as four plain decimal numbers": "um endereço tem quatro números, como 192.168.0.20",
    "an address holds neither spaces nor control characters (a space is written %20)": "não pode haver espaços",
    "the port or host cannot be read; signs in a password must be percent-encoded": (
        "a porta ou o endereço não podem ser lidos; sinais na senha se escrevem com %"
    ),
    "the port lies between 1 and 65535": "a porta vai de 1 a 65535",
    "the port is a number": "a porta é um número",
    "the address has an @ but no user": "há um @, mas nenhum usuário",
    "a user and a password go together: give both, or neither": "usuário e senha vão juntos: os dois, ou nenhum",
    "a password without a user opens nothing": "há senha, mas falta o usuário (username)",
    "a user without a password opens nothing": "há usuário, mas falta a senha (password)",
    "the host is no IPv6 address": "isto não é um endereço IPv6",
    "the host is missing": "falta o endereço da câmera",
    "the host is no name and no address": "isto não é um nome nem um endereço",
    "give an address, or a vendor and a host": "diga o endereço (source_url), ou o fabricante e o host",
    "a camera that pushes uses the key the box gives it": "câmera que transmite usa a chave que a caixa dá",
    "a P2P camera has no address: its tunnel has": "câmera P2P não tem endereço: o túnel tem",
    "there is no tunnel of this name in the box's configuration": "não há túnel com este nome nesta caixa",
    "the cameras of this vendor are reached by rtsp": "as câmeras deste fabricante são acessadas por rtsp",
    "both streams of a camera have the same user and password": "os dois vídeos têm o mesmo usuário e senha",
    "known vendors are intelbras, hikvision, generic": 'os fabricantes são "intelbras", "hikvision" e "generic"',
    "an address of this kind begins with rtsp:// or rtsps://": "o endereço começa com rtsp://",
    "this name stands for every camera": "este nome quer dizer todas as câmeras",
    "the password must not be the name": "é o próprio nome",
    "everybody would guess this password": "qualquer um adivinharia",
    "a password has 10 to 256 characters": "tem de 10 a 256 letras",
}
SPOKEN = {
    "nome": "name", "local": "site", "fuso": "time_zone", "fuso_horario": "time_zone", "timezone": "time_zone",
    "idioma": "language", "lingua": "language", "cidade": "city", "municipio": "city", "plano": "plan",
    "administrador": "admin", "usuario": "username", "usuário": "username", "user": "username", "senha": "password",
    "pass": "password", "rede": "network", "endereco": "address", "endereço": "address", "ip": "host",
    "roteador": "gateway", "interface_de_rede": "interface", "placa": "interface", "relogio": "ntp", "chave": "key",
    "arquivo": "file", "câmera": "camera", "cameras": "camera", "canal": "channel", "grupo": "group",
    "url": "source_url",
    "fabricante": "vendor", "marca": "vendor", "gravar": "recording_enabled", "retencao": "retention_days",
}  # fmt: skip
"""What somebody who thinks in Portuguese would write."""


@dataclass(frozen=True)
class Problem:
    """`line` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    field: str
    code: str
    facts: Mapping[str, Any] = member(default_factory=lambda: MappingProxyType({}))

    def said(self, language: Language) -> str:
        texts = TEXTS.get(self.code, TEXTS["other"])
        return texts[language == "en"].format_map({"detail": self.code, **self.facts})

    def text(self, language: Language) -> str:
        """One line: where, which field, what."""
        line = {"pt_BR": "linha", "en": "line"}[language]
        where = f"{self.file}, {line} {self.line}" if self.line else self.file
        return f"{where}{f', {self.field}' if self.field else ''}: {self.said(language)}"


def nearest(name: str, known: list[str]) -> dict[str, str]:
    """The facts with which an unknown name is refused: the known one it was probably meant to be."""
    plain = name.casefold()
    spoken = SPOKEN.get(plain)
    close = get_close_matches(plain, known, n=1, cutoff=0.6)
    near = spoken if spoken in known else close[0] if close else ""
    return {
        "near_pt": f'; será "{near}"?' if near else "",
        "near_en": f'; was it meant to be "{near}"?' if near else "",
    }


def translated(detail: str) -> dict[str, str]:
    """The facts of a problem that the rest of the program has put into English words."""
    return {"detail": detail, "detail_pt": DETAILS.get(detail, detail)}

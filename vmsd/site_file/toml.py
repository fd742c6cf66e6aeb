"""Writes TOML: the tables and values our own files need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def dumped(content: Mapping[str, Any]) -> str:
    """Tables and lists of tables behind the values they stand beside; None and what is empty is left out."""
    return "\n".join(_table(content, ())).lstrip("\n") + "\n"


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [
        f"{name} = {_value(value)}"
        for name, value in content.items()
        if not (_is_table(value) or _is_tables(value)) and value not in (None, "", [], ())
    ]
    for name, value in content.items():
        here = (*path, name)
        if _is_table(value) and value:
            inner = _table(value, here)
            own = any(not line.startswith("[") for line in inner[:1])
            lines += ["", f"[{'.'.join(here)}]", *inner] if own else inner
        elif _is_tables(value):
            for one in value:
                lines += ["", f"[[{'.'.join(here)}]]", *(f"{key} = {_value(it)}" for key, it in one.items())]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_value(one)}' for name, one in value.items())} }}"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")

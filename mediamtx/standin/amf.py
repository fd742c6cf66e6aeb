"""AMF0, as far as RTMP commands need it."""

import struct
from typing import Any

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED, _ARRAY, _STRICT, _LONG = 0, 1, 2, 3, 5, 6, 8, 10, 12
_END = b"\x00\x00\x09"


def write_values(*values: Any) -> bytes:
    return b"".join(map(_write, values))


def read_values(data: bytes) -> list[Any]:
    """Every value of a message; raises ValueError on what cannot be read."""
    reader, values = _Reader(data), []
    while reader.has_more():
        values.append(reader.value())
    return values


def _write(value: Any) -> bytes:
    if value is None:
        return bytes((_NULL,))
    if isinstance(value, str):
        return bytes((_STRING,)) + _text(value)
    if isinstance(value, dict):
        fields = b"".join(_text(key) + _write(item) for key, item in value.items())
        return bytes((_OBJECT,)) + fields + _END
    return bytes((_NUMBER,)) + struct.pack(">d", value)


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def has_more(self) -> bool:
        return self._at < len(self._data)

    def value(self) -> Any:
        kind = self._take(1)[0]
        if kind == _NUMBER:
            return struct.unpack(">d", self._take(8))[0]
        if kind == _BOOLEAN:
            return bool(self._take(1)[0])
        if kind in (_STRING, _LONG):
            return self._string(4 if kind == _LONG else 2)
        if kind in (_OBJECT, _ARRAY):
            self._take(4 if kind == _ARRAY else 0)
            return self._object()
        if kind == _STRICT:
            return [self.value() for _ in range(int.from_bytes(self._take(4), "big"))]
        if kind in (_NULL, _UNDEFINED):
            return None
        raise ValueError(f"unsupported AMF0 type {kind}")

    def _object(self) -> dict[str, Any]:
        fields = {}
        while self._data[self._at : self._at + 3] != _END:
            key = self._string(2)
            fields[key] = self.value()
        self._take(3)
        return fields

    def _string(self, length_bytes: int) -> str:
        return self._take(int.from_bytes(self._take(length_bytes), "big")).decode(errors="replace")

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise ValueError("AMF0 message is too short")
        self._at += count
        return self._data[self._at - count : self._at]

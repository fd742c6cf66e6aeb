"""Where each field of a TOML file stands: the library that reads it keeps no lines."""

from __future__ import annotations

from collections.abc import Sequence

Place = tuple[str | int, ...]
QUOTES = ('"""', "'''", '"', "'")
OPENING, CLOSING = "[{", "]}"


def find_lines(text: str) -> dict[Place, int]:
    """Of every table and every field outside inline tables, counted from 1; of bad TOML as far as it is good."""
    return _Scanner(text).scan()


def line_of(lines: dict[Place, int], place: Sequence[str | int]) -> int:
    """Of the field, or of the nearest that is around it; 1 when there is none."""
    for length in range(len(place), 0, -1):
        found = lines.get(tuple(place[:length]))
        if found is not None:
            return found
    return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._table: Place = ()
        self._arrays: dict[Place, int] = {}
        self._lines: dict[Place, int] = {}

    def scan(self) -> dict[Place, int]:
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign in " \t\r\n":
                self._at += 1
            elif sign == "#":
                self._skip_line()
            elif sign == "[":
                self._header()
            else:
                self._field()
        return self._lines

    def _header(self) -> None:
        """`[a.b]`, or `[[a]]` for one more of several."""
        line, several = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if several else 1
        keys = self._keys("]")
        self._skip_line()
        inner = self._inside(keys[:-1])
        last = (*inner, *keys[-1:])
        if several:
            self._arrays[last] = self._arrays.get(last, -1) + 1
        self._table = self._inside(last, resolved=len(inner))
        self._lines.setdefault(last, line)
        self._lines.setdefault(self._table, line)

    def _inside(self, keys: Sequence[str | int], resolved: int = 0) -> Place:
        """With the number of the latest wherever there are several of a name."""
        place: Place = tuple(keys[:resolved])
        for key in keys[resolved:]:
            place = (*place, key)
            if place in self._arrays:
                place = (*place, self._arrays[place])
        return place

    def _field(self) -> None:
        line = self._line()
        keys = self._keys("=")
        for length in range(1, len(keys) + 1):
            self._lines.setdefault((*self._table, *keys[:length]), line)
        self._skip_value()

    def _keys(self, end: str) -> list[str]:
        """The dotted names up to `end`, which is passed; or up to the end of the line."""
        keys, word = [], ""
        while self._at < len(self._text) and self._text[self._at] != "\n":
            sign = self._text[self._at]
            quoted = self._string()
            if quoted is not None:
                word += quoted
                continue
            self._at += 1
            if sign == end:
                break
            if sign == ".":
                keys.append(word.strip())
                word = ""
            else:
                word += sign
        return [*keys, word.strip()]

    def _skip_value(self) -> None:
        """To the end of the line on which the value ends."""
        depth = 0
        while self._at < len(self._text):
            sign = self._text[self._at]
            if self._string() is not None:
                continue
            if sign == "#":
                self._skip_line()
                continue
            if sign == "\n" and depth == 0:
                return
            depth += (sign in OPENING) - (sign in CLOSING)
            self._at += 1

    def _string(self) -> str | None:
        """What is between the quotes that begin here, which are passed; None where none begin."""
        quote = next((one for one in QUOTES if self._text.startswith(one, self._at)), None)
        if quote is None:
            return None
        begin = at = self._at + len(quote)
        while at < len(self._text) and not self._text.startswith(quote, at):
            if len(quote) == 1 and self._text[at] == "\n":
                break
            at += 2 if quote[0] == '"' and self._text[at] == "\\" else 1
        self._at = at + len(quote)
        return self._text[begin:at]

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

"""The configuration file: read whole, checked whole, refused whole."""

import copy
import json
import re
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml
from checks import check_globals, check_path
from quantities import format_duration, format_size, parse_duration, parse_size

_DEFAULTS = json.loads((Path(__file__).parent / "defaults.json").read_text(encoding="utf-8"))
_DURATIONS = re.compile(r".*(Timeout|Duration|CloseAfter|DeleteAfter)")
_SIZES = frozenset({"hlsSegmentMaxSize", "recordMaxPartSize"})
_CREDENTIAL = re.compile(r"[a-zA-Z0-9!$()*+.;<=>\[\]^_\-{}@#&]*|sha256:[a-zA-Z0-9+/=]+|argon2:.+")
_ACTIONS = frozenset({"publish", "read", "playback", "api", "metrics", "pprof"})
_NO_AT_ALL = object()

Values = dict[str, Any]


class ConfigError(Exception):
    """The configuration cannot be used; the text is what the log and the API say."""


@dataclass(frozen=True)
class Settings:
    """A configuration that passed every check; values are held as the control API shows them."""

    globals: Values
    path_defaults: Values
    own: dict[str, Values]  # what each path says itself
    paths: dict[str, Values]  # the same, merged over the defaults

    def patched(self, patch: Any) -> "Settings":
        """Replace some path defaults; the file stays as it is."""
        if patch is None:
            patch = {}
        own = {name: dict(values) for name, values in self.own.items()}
        return _complete(self.globals, {**self.path_defaults, **_path_values(patch, "")}, own)


def load_settings(file: Path) -> Settings:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(str(error)) from error
    document = _mapping(document if document is not None else {})
    defaults = _path_values(document.pop("pathDefaults", {}), "pathDefaults.")
    paths = _mapping(document.pop("paths", None) or {})
    own = {str(name): _path_values(values or {}, "") for name, values in paths.items()}
    settings = copy.deepcopy(_DEFAULTS["global"])
    settings.update(_values(document, _DEFAULTS["global"], ""))
    return _complete(settings, {**copy.deepcopy(_DEFAULTS["path"]), **defaults}, own)


def redact(values: Values) -> Values:
    users = [{**user, "pass": "<redacted>" if user["pass"] else ""} for user in values.get("authInternalUsers", [])]
    return {**values, "authInternalUsers": users} if users else values


def _complete(settings: Values, defaults: Values, own: dict[str, Values]) -> Settings:
    paths = {name: {"name": name, **defaults, **own[name]} for name in sorted(own)}
    try:
        check_globals(settings)
        for name, values in paths.items():
            check_path(name, values)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Settings(settings, defaults, own, paths)


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, and leaves dates and clock times as texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the shape PyYAML wants
        first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith(":timestamp")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.YAMLError(f'mapping key "{key}" already defined')
            seen.add(key)
        return super().construct_mapping(node, deep)


def _path_values(values: Any, prefix: str) -> Values:
    return _values(_mapping(values), _DEFAULTS["path"], prefix)


def _values(given: Values, known: Values, prefix: str) -> Values:
    result = {}
    for key, value in given.items():
        default = known.get(key, _NO_AT_ALL)
        if value is None and default is not _NO_AT_ALL and not isinstance(default, list):
            continue
        if default is _NO_AT_ALL:
            raise ConfigError(f'json: unknown field "{prefix}{key}"')
        result[key] = _value(key, value, default)
    return result


def _value(key: str, value: Any, default: Any) -> Any:
    if key == "authInternalUsers":
        return [_user(entry, f"{key}[{index}]") for index, entry in enumerate(_typed(value, list))]
    if isinstance(default, list):
        return list(_typed(value, list))
    if not isinstance(default, str):
        return _typed(value, type(default))
    text = _typed(value, str)
    try:
        if _DURATIONS.fullmatch(key):
            return format_duration(parse_duration(text))
        return format_size(parse_size(text)) if key in _SIZES else text
    except ValueError as error:
        raise ConfigError(str(error)) from error


_GO_TYPES = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]json.RawMessage"}
_JSON_TYPES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def _typed(value: Any, wanted: type) -> Any:
    fits = type(value) in (int, float) if wanted is float else type(value) is wanted
    if not fits:
        kind = _JSON_TYPES.get(type(value), "null")
        raise ConfigError(f"json: cannot unmarshal {kind} into Go value of type {_GO_TYPES[wanted]}")
    return value


def _mapping(value: Any) -> Values:
    if not isinstance(value, dict):
        kind = _JSON_TYPES.get(type(value), "string")
        raise ConfigError(f"json: cannot unmarshal {kind} into Go value of type map[string]json.RawMessage")
    return value


def _user(given: Any, where: str) -> Values:
    entry = {"user": "", "pass": "", "ips": [], "permissions": [], **_mapping(given)}
    if unknown := set(entry) - {"user", "pass", "ips", "permissions"}:
        raise ConfigError(f'json: unknown field "{where}.{min(unknown)}"')
    for key in ("user", "pass"):
        if not _CREDENTIAL.fullmatch(_typed(entry[key], str)):
            raise ConfigError("credential contains unsupported characters")
    try:
        entry["ips"] = [str(ip_network(text, strict=False)) for text in _typed(entry["ips"], list)]
    except ValueError as error:
        raise ConfigError(f"unable to parse IP/CIDR: {error}") from error
    entry["permissions"] = [_permission(item, where) for item in _typed(entry["permissions"], list)]
    return entry


def _permission(given: Any, where: str) -> Values:
    entry = {"action": "", "path": "", **_mapping(given)}
    if unknown := set(entry) - {"action", "path"}:
        raise ConfigError(f'json: unknown field "{where}.permissions.{min(unknown)}"')
    if entry["action"] not in _ACTIONS:
        raise ConfigError(f"invalid auth action: '{entry['action']}'")
    return entry

"""Everything that can be set: one TOML file, checked whole before anything starts."""

from vmsd.config.box import Disk, Http, Https, Mdns, Rate, Rates, Site, Update
from vmsd.config.events import Alerts, Amqp, OutboxRules, Plates, Push
from vmsd.config.evidence import Archive, Backup, Exports, Integrity
from vmsd.config.settings import Settings, load_settings
from vmsd.config.shapes import GIB, MIB, Origin, Port, Ratio, Section, check_age_recipient
from vmsd.config.video import CameraRules, LiveLimits, Map, MediaMtx, Tunnel, WebRtc

__all__ = [
    "GIB",
    "MIB",
    "Alerts",
    "Amqp",
    "Archive",
    "Backup",
    "CameraRules",
    "Disk",
    "Exports",
    "Http",
    "Https",
    "Integrity",
    "LiveLimits",
    "Map",
    "Mdns",
    "MediaMtx",
    "Origin",
    "OutboxRules",
    "Plates",
    "Port",
    "Push",
    "Rate",
    "Rates",
    "Ratio",
    "Section",
    "Settings",
    "Site",
    "Tunnel",
    "Update",
    "WebRtc",
    "check_age_recipient",
    "load_settings",
]

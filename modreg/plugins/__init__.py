"""Plugins of a host: loaded, reloaded and rolled back by calls that cannot leave one worse off."""

from modreg.plugins._effects import own
from modreg.plugins._gate import Request
from modreg.plugins._host import Host, Plugin
from modreg.plugins._outcome import AuditLine, Event, Kind, Outcome, PluginError, PluginVersion
from modreg.plugins._store import FileStore, MemoryStore, Store
from modreg.plugins._unit import State

__all__ = [
    "AuditLine",
    "Event",
    "FileStore",
    "Host",
    "Kind",
    "MemoryStore",
    "Outcome",
    "Plugin",
    "PluginError",
    "PluginVersion",
    "Request",
    "State",
    "Store",
    "own",
]

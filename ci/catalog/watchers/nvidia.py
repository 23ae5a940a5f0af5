"""NVIDIA's own releases: the versions that a list in the repository names, with their checksums.

NVIDIA publishes no index of versions with a form that could be relied upon; a new version is a reviewed change of the list.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from catalog.cell import Driver
from catalog.watchers.port import WatchError


class ListedDrivers:
    """@param path TOML: `[[driver]]` with `version`, `module_types` and `architectures`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def drivers(self, architecture: str) -> list[Driver]:
        try:
            document = tomllib.loads(self._path.read_text())
            return [Driver(entry["version"], module_type, (architecture,)) for entry in document.get("driver", [])
                    if architecture in entry["architectures"] for module_type in entry["module_types"]]
        except OSError as error:
            raise WatchError(f"the list of NVIDIA's driver versions cannot be read: '{self._path}': {error.strerror}") from error
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise WatchError(f"the list of NVIDIA's driver versions '{self._path}' is malformed: {error}") from error

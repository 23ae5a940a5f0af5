"""Which cells are blocked, and why: the documented pins of matrix.toml. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from catalog.cell import Cell
from catalog.definition import Blocked
from catalog.versions import Range


def holds(pin: Blocked, cell: Cell) -> bool:
    release, driver = cell.release, cell.driver
    return ((not pin.os or cell.os_name in pin.os)
            and (not pin.streams or release.stream in pin.streams)
            and (not pin.architectures or release.architecture in pin.architectures)
            and (not pin.flavours or any(fnmatchcase(release.flavour, pattern) for pattern in pin.flavours))
            and (not pin.module_types or driver.module_type in pin.module_types)
            and Range(pin.kernels).holds(release.kernel) and Range(pin.drivers).holds(driver.version))


def pin_of(pins: Iterable[Blocked], cell: Cell) -> Blocked | None:
    """The first pin that holds; None when the cell can be built."""
    return next((pin for pin in pins if holds(pin, cell)), None)

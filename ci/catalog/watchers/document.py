"""JSON documents of others, read with care: what is missing or of another kind is an error that names the document."""

from __future__ import annotations

import json
import re
from typing import Any

from catalog.watchers.port import WatchError

# What may be part of a path and a tag (installer/model/os_profile, is_path_safe).
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}\Z")


def parsed(data: bytes, url: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise WatchError(f"'{url}' is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise WatchError(f"'{url}' is not what it is known to be: it is no object")
    return document


def entry(document: Any, url: str, *path: str) -> Any:
    """What lies at a path of names. @raise WatchError when it is not there"""
    for number, name in enumerate(path):
        if not isinstance(document, dict) or name not in document:
            raise WatchError(f"'{url}' is not what it is known to be: it has no {'.'.join(path[:number + 1])}")
        document = document[name]
    return document


def safe(text: Any, url: str) -> str:
    """A version or kernel release that may become part of a path. @raise WatchError"""
    if not isinstance(text, str) or not SAFE.match(text):
        raise WatchError(f"'{url}' is not what it is known to be: {str(text)[:100]!r} is no version")
    return text

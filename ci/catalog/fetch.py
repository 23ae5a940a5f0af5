"""Documents over HTTP, with limits of time and size."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from catalog.watchers.port import WatchError

ATTEMPTS = 3
PIECE_BYTES = 1 << 18
AGENT = "overdrive-catalog"


class HttpFetcher:
    """The real network; proxies from the environment, as with other programs.

    @param timeout most seconds for one document, and for any silence in it
    @param pause what waits between attempts
    """

    def __init__(self, timeout: float = 120, silence: float = 30, pause: Callable[[float], None] = time.sleep) -> None:
        self._timeout, self._silence, self._pause = timeout, silence, pause
        self._silent: set[str] = set()  # sites that have not answered; they are not waited for again


    def get(self, url: str, most_bytes: int) -> bytes:
        site = urllib.parse.urlsplit(url).netloc
        last = 1 if site in self._silent else ATTEMPTS
        for attempt in range(1, last + 1):
            try:
                return self._get_once(url, most_bytes)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500 or attempt == last:
                    raise WatchError(f"'{url}' answers {error.code} {error.reason}") from error
            except (OSError, ValueError, http.client.HTTPException) as error:
                if attempt == last:
                    self._silent.add(site)
                    raise WatchError(f"'{url}' does not answer: {getattr(error, 'reason', error)}") from error
            self._pause(2 ** attempt)
        raise AssertionError("not reached")

    def _get_once(self, url: str, most_bytes: int) -> bytes:
        end = time.monotonic() + self._timeout
        request = urllib.request.Request(url, headers={"User-Agent": AGENT})
        with urllib.request.urlopen(request, timeout=self._silence) as response:
            found = bytearray()
            while piece := response.read1(PIECE_BYTES):
                found += piece
                if len(found) > most_bytes:
                    raise WatchError(f"'{url}' is larger than {most_bytes} bytes, which it should not be")
                if time.monotonic() > end:
                    raise TimeoutError(f"not complete after {self._timeout:g} s")
            announced = response.headers.get("Content-Length")
            if announced and int(announced) != len(found):
                raise OSError(f"{len(found)} of {announced} bytes came")
            return bytes(found)

"""Files of public data sets: fetched from a mirror, kept only with the right checksum."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from strongltn.errors import InvalidInputError
from strongltn.storage import make_directory, read_if_there, write_whole


@dataclass(frozen=True)
class RemoteFile:
    """A file that several servers offer.

    Parameters
    ----------
    name : str
    md5 : str
        Of the file as it is offered, as its authors publish it.
    mirrors : tuple of str
        What precedes the name in the addresses, the first to try first.
    """

    name: str
    md5: str
    mirrors: tuple[str, ...]

    def fetch(self, directory: Path) -> Path:
        """Download the file into a directory, which is made if need be, and return where it lies.

        A file that is there already with the right checksum is left alone.

        Raises
        ------
        InvalidInputError
            No mirror gave the file with that checksum.
        MachineError
            The directory cannot be written.
        """
        path = directory / self.name
        if self._is_right(read_if_there(path, parameter="data") or b""):
            return path
        make_directory(directory, parameter="download")
        failures = []
        for mirror in self.mirrors:
            try:
                content = _downloaded(mirror + self.name)
            except (OSError, ValueError) as error:  # no connection; no such address
                failures.append(f"{mirror}: {error}")
                continue
            if self._is_right(content):
                write_whole(path, content)
                return path
            failures.append(f"{mirror}: the file there has another MD5")
        raise InvalidInputError(
            "download",
            got=f"{self.name} from no mirror ({'; '.join(failures)})",
            allowed="possible: a connection, and the checksum as published",
            hint=f"Or place the file in {directory} yourself; its MD5 is {self.md5}.",
        )

    def _is_right(self, content: bytes) -> bool:
        return hashlib.md5(content, usedforsecurity=False).hexdigest() == self.md5


def _downloaded(address: str) -> bytes:
    import pooch

    pooch.get_logger().info("Downloading %s", address)
    content = io.BytesIO()
    pooch.HTTPDownloader()(address, content, None)
    return content.getvalue()


def user_cache() -> Path:
    """Return the folder of the user's caches that is ours; it need not exist."""
    import pooch

    return Path(pooch.os_cache("strongltn"))

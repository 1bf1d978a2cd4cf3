"""Files of public data sets: fetched from a mirror, kept only with the right checksum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strongltn.errors import InvalidInputError


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
            No mirror gave the file with that checksum, or the directory cannot be written.
        """
        import pooch

        failures = []
        for mirror in self.mirrors:
            try:
                fetched = pooch.retrieve(
                    url=mirror + self.name,
                    known_hash=f"md5:{self.md5}",
                    fname=self.name,
                    path=directory,
                )
                return Path(fetched)
            except (OSError, ValueError) as error:  # no connection or no space; another checksum
                failures.append(f"{mirror}: {error}")
        raise InvalidInputError(
            "download",
            got=f"{self.name} from no mirror ({'; '.join(failures)})",
            allowed="possible: a connection, a directory to write to, the checksum as published",
            hint=f"Or place the file in {directory} yourself; its MD5 is {self.md5}.",
        )


def user_cache() -> Path:
    """Return the folder of the user's caches that is ours; it need not exist."""
    import pooch

    return Path(pooch.os_cache("strongltn"))

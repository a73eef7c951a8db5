"""Where an image lies: a file, a folder, an address, and which image inside of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# without dots, which addresses hardly have before the colon, and cells.h5:/raw has
_ADDRESS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+-]+):[/\\]+(?=[^/\\])")
_INSIDE = re.compile(r"^(?P<file>.+\.(?:h5|hdf5|hdf|he5)):[/\\]*(?P<inside>.*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Location:
    """Place of an image.

    Attributes
    ----------
    path : Path
        File or folder; for an address, the address as a path.
    inside : str
        Which image of the file, as ``"data/raw"``; empty where that is not said.
    address : str or None
        Where it lies if not on disk, as ``"https://example.org/cells.ome.zarr"``.
    """

    path: Path
    inside: str = ""
    address: str | None = None

    @classmethod
    def of(cls, text: Path | str) -> Location:
        """Read a place as a person writes it.

        Parameters
        ----------
        text : Path or str
            ``cells.tif``, ``cells.h5:/data/raw``, ``https://example.org/cells.ome.zarr``; an
            address may have lost a slash on its way through a path.
        """
        found = _ADDRESS.match(str(text))
        if found is not None and found[1].casefold() == "file":
            from urllib.request import url2pathname  # loads half a web browser

            return cls(Path(url2pathname(f"/{str(text)[found.end() :]}")))
        if found is not None:
            rest = str(text)[found.end() :].replace("\\", "/").rstrip("/")
            return cls(Path(text), address=f"{found[1]}://{rest}")
        inside = _INSIDE.match(str(text))
        if inside is not None:
            return cls(Path(inside["file"]), inside["inside"].replace("\\", "/").strip("/"))
        return cls(Path(text))

    def __str__(self) -> str:
        return self.address or f"{self.path}{f':/{self.inside}' if self.inside else ''}"

    @property
    def name(self) -> str:
        """The last part, with what lies inside, for messages."""
        return f"{self.path.name}{f':/{self.inside}' if self.inside else ''}"

    @property
    def is_there(self) -> bool:
        """Whether there is something on disk; of an address that is not known."""
        return self.address is not None or self.path.exists() or self.path.is_symlink()

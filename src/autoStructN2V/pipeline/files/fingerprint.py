"""What images are, in a few bytes: to tell whether they are those of an earlier run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.errors import InputError
from autoStructN2V.sampling import affordable, evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource


@dataclass(frozen=True)
class ImageFingerprint:
    """Shapes, data types and a checksum of images.

    Attributes
    ----------
    shapes : list of (z, y, x)
    dtypes : list of str
    digest : str
        Of all pixels, or of those of evenly chosen slices where there are very many.
    """

    shapes: list[list[int]]
    dtypes: list[str]
    digest: str

    @classmethod
    def of(cls, sources: Sequence[ImageSource]) -> ImageFingerprint:
        """Read images, of very many slices some, and return their fingerprint.

        Nothing stops it: of a part of them it would be that of other images.
        """
        sources = without_offset(sources)
        found = hashlib.blake2b(digest_size=16)
        places = [(source, z) for source in sources for z in range(source.shape[0])]
        sizes = [source.shape[1:] for source in sources] or [(1, 1)]
        largest = max(sizes, key=lambda size: size[0] * size[1])
        n_read = affordable(len(places), largest)
        for source, z in (places[i] for i in evenly(len(places), n_read)):
            try:
                found.update(np.ascontiguousarray(source.read_slice(z)).data)
            except InputError:  # an image that will be left out
                found.update(b"unreadable")
        shapes = [list(source.shape) for source in sources]
        return cls(shapes, [source.dtype.name for source in sources], found.hexdigest())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageFingerprint:
        """Take one from plain values; raises an error if something is missing."""
        return cls(list(values["shapes"]), list(values["dtypes"]), str(values["digest"]))

    def difference(self, now: ImageFingerprint) -> str | None:
        """Say how other images differ from these, as the end of a sentence; None if not."""
        if len(self.shapes) != len(now.shapes):
            return f"it had {len(self.shapes)} images and now there are {len(now.shapes)}"
        for before, after in zip(self.shapes, now.shapes, strict=True):
            if before != after:
                return f"an image had shape {_shape(before)} and has {_shape(after)} now"
        for name, other in zip(self.dtypes, now.dtypes, strict=True):
            if name != other:
                return f"an image was {name} and is {other} now"
        return "the images have other pixels now" if self.digest != now.digest else None


def _shape(sizes: Sequence[Any]) -> str:
    return " x ".join(str(size)[:20] for size in sizes)

"""The images of the gallery: which they are, what they show, and how they are scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from autoStructN2V.datasets import make_sample, open_images, read_stack
from fmd import best_gaussian as best_gaussian_as_it_is
from fmd import peak_psnr, scores_at_own_brightness
from quality import best_gaussian, masked_psnr

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets import Mode
    from autoStructN2V.datasets.samples.synthetic import SampleKind, SyntheticSample
    from autoStructN2V.vocabulary import TripletsAlong

    Stack = NDArray[np.float32]

_CUT = "noisy.tif"  # in the folder of an image of which a part is used


@dataclass(frozen=True)
class Fitted:
    """PSNR after an affine fit of each slice, where the truth is within limits.

    Parameters
    ----------
    low, high : float
        Limits of the truth.
    peak : float
        Intensity that 0 dB of error would have.
    """

    low: float = 0.0
    high: float = 255.0
    peak: float = 255.0

    @property
    def words(self) -> str:
        """How it is scored."""
        is_whole = self.low <= 0.0 and self.high >= self.peak
        where = "" if is_whole else f", where the truth is {self.low:g} to {self.high:g}"
        return f"peak {self.peak:g}, after an affine fit of each slice{where}"

    def scores(self, images: dict[str, Stack], truth: Stack) -> dict[str, Any]:
        """Return the PSNR in dB of images (z, y, x), and of the best Gaussian filter of input."""
        scale = ((self.low, self.high), self.peak)
        found = {step: masked_psnr(image, truth, *scale) for step, image in images.items()}
        return {"psnr": {**found, "best_gaussian": best_gaussian(images["input"], truth, *scale)}}


@dataclass(frozen=True)
class AsItIs:
    """PSNR of results that are neither fitted nor clipped.

    Parameters
    ----------
    peak : float
        Intensity that 0 dB of error would have.
    fades : bool
        Whether the truth may be brighter or darker than the frame. They are then also compared
        with the truth at the brightness of the frame.
    """

    peak: float = 255.0
    fades: bool = False

    @property
    def words(self) -> str:
        """How it is scored."""
        return f"peak {self.peak:g}, without any fit"

    def scores(self, images: dict[str, Stack], truth: Stack) -> dict[str, Any]:
        """Return the PSNR in dB of images (z, y, x), and of the best Gaussian filter of input."""
        scores = {step: peak_psnr(image, truth, self.peak) for step, image in images.items()}
        scores["best_gaussian"] = best_gaussian_as_it_is(images["input"], truth, self.peak)
        own = scores_at_own_brightness(images["input"], truth, images) if self.fades else {}
        return {"psnr": scores, **own}


@dataclass(frozen=True)
class GalleryImage:
    """An image of the gallery.

    Attributes
    ----------
    name : str
        Of its folder; unique.
    title, sentence : str
        What it is, and what the picture shows.
    score : Fitted, AsItIs or None
        How it is compared with its truth; None without one.
    mode, triplets_along : str
        As of the program.
    """

    name: str
    title: str
    sentence: str
    score: Fitted | AsItIs | None = None
    mode: Mode = field(default="2D", kw_only=True)
    triplets_along: TripletsAlong = field(default="z", kw_only=True)

    def file(self, data: Path | None, folder: Path) -> Path:
        """Return the file that is trained on; what has none yet is written into the folder."""
        raise NotImplementedError

    def truth(self, data: Path | None) -> Stack | None:
        """Return the truth, (z, y, x), if it is known."""
        raise NotImplementedError


@dataclass(frozen=True)
class RealImage(GalleryImage):
    """A recorded image, of a file below the folder with the data.

    Attributes
    ----------
    path : str
        Of the file, ending with ``_noisy.tif`` where there is a truth beside it.
    part : tuple of slice
        What is used of it, (z, y, x); all where it is empty.
    """

    path: str = field(kw_only=True)
    part: tuple[slice, ...] = field(default=(), kw_only=True)

    def file(self, data: Path | None, folder: Path) -> Path:
        """Return the file itself, or write the part of it that is used."""
        if data is None or not self.part:
            return (data or folder) / self.path
        source = open_images(data / self.path, mode="2D")[0]
        planes = range(source.shape[0])[self.part[0]]
        stack = np.stack([source.read_slice(z)[self.part[1:]] for z in planes])
        return _written(folder, stack.astype(source.dtype), "T" if self.is_movie else "Z")

    @property
    def is_movie(self) -> bool:
        """Whether its slices are frames."""
        return self.triplets_along == "time"

    def truth(self, data: Path | None) -> Stack | None:
        """Read the file beside it."""
        if data is None or self.score is None:
            return None
        return read_stack(open_images(data / self.path.replace("_noisy", "_gt"), mode="2D")[0])


@dataclass(frozen=True)
class SampleImage(GalleryImage):
    """An image that the program makes.

    Attributes
    ----------
    kind : str
        Of its noise.
    """

    kind: SampleKind = field(kw_only=True)

    def file(self, data: Path | None, folder: Path) -> Path:
        """Make it and write it."""
        return _written(folder, _sample(self.kind).noisy, "Z")

    def truth(self, data: Path | None) -> Stack | None:
        """Return what the noise was added to."""
        return _sample(self.kind).clean


@cache
def _sample(kind: SampleKind) -> SyntheticSample:
    return make_sample(kind)


def _written(folder: Path, stack: NDArray[np.generic], slices: str) -> Path:
    """Write images whose slices are those of a stack (Z) or frames of a movie (T)."""
    is_one = len(stack) == 1
    axes = "YX" if is_one else f"{slices}YX"
    image = stack[0] if is_one else stack
    tifffile.imwrite(folder / _CUT, image, imagej=True, metadata={"axes": axes})
    return folder / _CUT


_WHOLE = slice(None)
_FIRST = (slice(0, 1), _WHOLE, _WHOLE)
_LIT = Fitted(20.0, 250.0)  # the truth is cut off at 0 and saturates


def _frame(name: str, title: str, sentence: str) -> RealImage:
    path = f"fluo/fmd_frames/{name}_noisy.tif"
    return RealImage(name, title, sentence, AsItIs(fades=True), path=path, part=_FIRST)


def _pair(folder: str, name: str, title: str, sentence: str, score: Fitted) -> RealImage:
    return RealImage(name, title, sentence, score, path=f"fluo/{folder}/{name}_noisy.tif")


REAL_IMAGES: tuple[RealImage, ...] = (
    _frame(
        "Confocal_BPAE_G",
        "Actin, confocal (FMD)",
        "Stress fibers of endothelial cells, one raw frame of a confocal microscope.",
    ),
    _frame(
        "Confocal_FISH",
        "Zebrafish, confocal (FMD)",
        "Cell membranes of a zebrafish embryo, one raw frame of a confocal microscope.",
    ),
    _frame(
        "Confocal_MICE",
        "Mouse brain, confocal (FMD)",
        "Nuclei in a slice of mouse brain, one raw frame of a confocal microscope.",
    ),
    _frame(
        "TwoPhoton_BPAE_R",
        "Mitochondria, two-photon (FMD)",
        "Mitochondria around the nuclei of endothelial cells, one raw frame of a two-photon "
        "microscope.",
    ),
    _frame(
        "TwoPhoton_MICE",
        "Mouse brain, two-photon (FMD)",
        "Nuclei in a slice of mouse brain, one raw frame of a two-photon microscope; the mean of "
        "50 frames, which is the truth here, is darker than it.",
    ),
    _frame(
        "WideField_BPAE_G",
        "Actin, widefield (FMD)",
        "Stress fibers of endothelial cells, one raw frame of a widefield microscope; "
        "neighbors share noise in all directions, as after an enlargement.",
    ),
    _pair(
        "hagen",
        "actin_confocal",
        "Actin, confocal (Hagen)",
        "Fibers of cells, scanned with little light: pixels of a row share noise.",
        _LIT,
    ),
    _pair(
        "hagen",
        "mito_confocal",
        "Mitochondria, confocal (Hagen)",
        "Mitochondria of the same cells, scanned alike; four of five pixels are cut off at 0.",
        _LIT,
    ),
    _pair(
        "w2s",
        "w2s_ch0",
        "Cells, widefield (W2S, channel 0)",
        "Ten fields of view, a single exposure each, with the mean of 400 as truth: threads around "
        "dark nuclei.",
        Fitted(),
    ),
    _pair(
        "w2s",
        "w2s_ch1",
        "Cells, widefield (W2S, channel 1)",
        "The same ten fields of view in a second color: a fine mesh under blur, and few photons.",
        Fitted(),
    ),
    _pair(
        "w2s",
        "w2s_ch2",
        "Cells, widefield (W2S, channel 2)",
        "The same ten fields of view in a third color: bundles of fibers under blur.",
        Fitted(),
    ),
    _pair(
        "fmd",
        "BPAE_G",
        "Actin, confocal (FMD), another field",
        "Stress fibers of other endothelial cells, one raw frame.",
        Fitted(),
    ),
    _pair(
        "fmd",
        "mice",
        "Mouse brain, confocal (FMD), another field",
        "Nuclei in another slice of mouse brain, one raw frame.",
        Fitted(),
    ),
    _pair(
        "fmd",
        "confocal_fish_3",
        "Zebrafish, confocal (FMD), another frame",
        "The same membranes as above in another frame (frame 2).",
        Fitted(),
    ),
    _pair(
        "hagen",
        "nucleus",
        "Nucleus, widefield (Hagen)",
        "One stained nucleus on a dark ground: smooth, so that a blur does nearly as well.",
        Fitted(),
    ),
    _pair(
        "hagen",
        "mito_60x_noise1",
        "Mitochondria, widefield (Hagen)",
        "Mitochondria of a cell at 60x on an sCMOS camera.",
        Fitted(),
    ),
    _pair(
        "other",
        "bacteria16",
        "Bacteria, widefield, 16 bits",
        "Myxococcus cells; neighbors have slightly opposite noise, as after sharpening.",
        Fitted(0.0, 65535.0, 2000.0),
    ),
    RealImage(
        "emccd_fa0488",
        "Cells on an EMCCD camera, 16 bits",
        "Cells of different brightness with few photons, without a truth.",
        path="fluo/other/emccd_fa0488.tif",
    ),
    RealImage(
        "convallaria_conv0000",
        "Lily of the valley, spinning disk, 16 bits",
        "Cell walls in a stem of Convallaria, dense and sharp, without a truth.",
        path="fluo/other/convallaria_conv0000.tif",
    ),
    RealImage(
        "scmos_eb3_timelapse",
        "Microtubule ends, movie, sCMOS",
        "Twenty frames of a living cell; each is denoised with the frames before and after it.",
        mode="2.5D",
        triplets_along="time",
        path="fluo/other/scmos_eb3_timelapse.tif",
    ),
    RealImage(
        "confocal_ovule_stack",
        "Ovule of Arabidopsis, confocal stack",
        "Cell walls in a small stack with hardly any noise: there is little to be removed.",
        mode="2.5D",
        path="fluo/other/confocal_ovule_stack.tif",
    ),
    RealImage(
        "em_fibsem_shale",
        "Shale, FIB-SEM",
        "Grains and pores of rock in 14 slices (2.5D needs 20), with noise along the scanned rows.",
        path="em_fibsem_shale/shale_14slices.tif",
        part=(_WHOLE, slice(0, 512), slice(0, 512)),
    ),
    RealImage(
        "sem_liftout_1",
        "Lift-out, fast SEM",
        "A piece of a sample on a needle, scanned fast: strong noise on flat surfaces.",
        path="em_sem_noisy/sem_liftout_1.tif",
    ),
    RealImage(
        "n2v_sem_validation",
        "Cell, SEM (example image of N2V)",
        "Organelles of a cell; one pixel of six is saturated.",
        path="em_sem_noisy/n2v_sem_validation.tif",
    ),
    RealImage(
        "fibsem_cryo_042",
        "FIB-SEM, probably of a frozen sample",
        "A small image with strong noise that pixels of a row share.",
        path="stripes/fibsem_cryo_042.tif",
    ),
    RealImage(
        "fibsem_curtaining",
        "Curtains of a focused ion beam",
        "Tissue under streaks that the beam left, which are taken out before anything is learned.",
        path="stripes/fibsem_curtaining.tif",
    ),
    RealImage(
        "em_isbi2012",
        "Nerve cord of a fly, TEM (ISBI 2012)",
        "Ten sections in which structure fills the image: membranes everywhere, no empty ground.",
        path="em_isbi2012/train_volume.tif",
        part=(slice(15, 25), _WHOLE, _WHOLE),
    ),
)
"""Recorded images of the benchmarks, which are data of others and no part of this repository."""


def _made(kind: SampleKind, title: str, sentence: str) -> SampleImage:
    return SampleImage(f"sample_{kind}", title, sentence, AsItIs(1.0), kind=kind)


SAMPLE_IMAGES: tuple[SampleImage, ...] = (
    _made(
        "horizontal_lines",
        "Lines along rows",
        "Neighbors in a row share noise, as in a scanned image.",
    ),
    _made(
        "diagonal",
        "Diagonal lines",
        "Pixels along one diagonal share noise.",
    ),
    _made(
        "blob",
        "Blobs",
        "Pixels all around share noise, as after a blur.",
    ),
    _made(
        "periodic",
        "A periodic pattern",
        "Waves of eight pixels cover the image; they are taken out first, and the kernel hides "
        "the center alone.",
    ),
)
"""Images that the program makes, whose truth is known."""

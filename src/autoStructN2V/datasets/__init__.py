"""Images: reading and writing, checks, normalization, patches, regions, splits, samples."""

from autoStructN2V.datasets.axes import Mode
from autoStructN2V.datasets.checks import MIN_SLICES_25D, as_source, check_images
from autoStructN2V.datasets.config import PatchConfig
from autoStructN2V.datasets.metadata import ImageMetadata
from autoStructN2V.datasets.normalization import (
    Normalization,
    estimate_noise_level,
    estimate_normalization,
)
from autoStructN2V.datasets.patches import PatchBank, PatchRegion, load_patch_bank
from autoStructN2V.datasets.reading import open_images
from autoStructN2V.datasets.region_of_interest import region_of_interest, structure_map
from autoStructN2V.datasets.sources import ArraySource, ImageSource, read_stack
from autoStructN2V.datasets.splitting import Split, split_patches
from autoStructN2V.datasets.synthetic import SAMPLE_KINDS, SampleKind, SyntheticSample, make_sample
from autoStructN2V.datasets.writing import OutputDtype, StackWriter, write_stack

__all__ = [
    "MIN_SLICES_25D",
    "SAMPLE_KINDS",
    "ArraySource",
    "ImageMetadata",
    "ImageSource",
    "Mode",
    "Normalization",
    "OutputDtype",
    "PatchBank",
    "PatchConfig",
    "PatchRegion",
    "SampleKind",
    "Split",
    "StackWriter",
    "SyntheticSample",
    "as_source",
    "check_images",
    "estimate_noise_level",
    "estimate_normalization",
    "load_patch_bank",
    "make_sample",
    "open_images",
    "read_stack",
    "region_of_interest",
    "split_patches",
    "structure_map",
    "write_stack",
]

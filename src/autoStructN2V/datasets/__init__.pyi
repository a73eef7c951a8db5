from .config import PatchConfig
from .images.checks import MIN_SLICES_25D, as_source, check_images
from .images.metadata import ImageMetadata
from .images.names import refuse_existing, refuse_file
from .images.offset import without_offset
from .images.reading import open_images
from .images.sources import ArraySource, ImageSource, read_stack
from .images.writing import StackWriter, write_stack
from .normalization import Normalization, estimate_noise_level, estimate_normalization
from .patches import PatchBank, PatchRegion, load_patch_bank
from .reexports import Mode, OutputDtype
from .region_of_interest import region_of_interest, structure_map
from .samples.synthetic import SAMPLE_KINDS, SampleKind, SyntheticSample, make_sample
from .splitting import Split, split_patches

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
    "refuse_existing",
    "refuse_file",
    "region_of_interest",
    "split_patches",
    "structure_map",
    "without_offset",
    "write_stack",
]

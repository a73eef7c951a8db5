from .config import MaskingConfig
from .invalid.filling import filled
from .invalid.finding import invalid_sentences, only_signal
from .invalid.missing import find_missing
from .invalid.outliers import find_outliers
from .invalid.source import SignalSource
from .kernels.advice import Advice
from .kernels.arrays import (
    center_only,
    describe_kernel,
    kernel_symmetries,
    load_kernel,
    save_kernel,
    trimmed,
    validate_kernel,
)
from .kernels.config import ExtractorConfig
from .kernels.description import KernelStatistics
from .kernels.extraction import KernelProposal, extract_kernel, propose_kernel
from .kernels.kernel import Kernel
from .noise.autocorrelation import Autocorrelation
from .noise.measuring import measure_noise_autocorrelation
from .patterns.arrays import detect_periodic_patterns, remove_patterns, remove_sinusoids
from .patterns.finding import find_patterns
from .patterns.pattern import LineOffsets, Pattern, PeriodicPattern, Sinusoid, Stripes
from .patterns.removal import PatternRemoval
from .placement import KernelPlacer, Placement
from .recorruption import NoiseSampler
from .reexports import SYMMETRIES, Symmetry
from .replacement import fill_radius, replace_hidden

__all__ = [
    "SYMMETRIES",
    "Advice",
    "Autocorrelation",
    "ExtractorConfig",
    "Kernel",
    "KernelPlacer",
    "KernelProposal",
    "KernelStatistics",
    "LineOffsets",
    "MaskingConfig",
    "NoiseSampler",
    "Pattern",
    "PatternRemoval",
    "PeriodicPattern",
    "Placement",
    "SignalSource",
    "Sinusoid",
    "Stripes",
    "Symmetry",
    "center_only",
    "describe_kernel",
    "detect_periodic_patterns",
    "extract_kernel",
    "fill_radius",
    "filled",
    "find_missing",
    "find_outliers",
    "find_patterns",
    "invalid_sentences",
    "kernel_symmetries",
    "load_kernel",
    "measure_noise_autocorrelation",
    "only_signal",
    "propose_kernel",
    "remove_patterns",
    "remove_sinusoids",
    "replace_hidden",
    "save_kernel",
    "trimmed",
    "validate_kernel",
]

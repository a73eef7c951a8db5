"""Kernels: where pixels share noise, how they are hidden, and how that is found out."""

from autoStructN2V.masking.autocorrelation import Autocorrelation, measure_noise_autocorrelation
from autoStructN2V.masking.config import ExtractorConfig, MaskingConfig
from autoStructN2V.masking.demodulation import remove_sinusoids
from autoStructN2V.masking.extraction import (
    Advice,
    KernelProposal,
    extract_kernel,
    propose_kernel,
)
from autoStructN2V.masking.kernel import (
    SYMMETRIES,
    Kernel,
    KernelStatistics,
    Symmetry,
    center_only,
    describe_kernel,
    kernel_symmetries,
    load_kernel,
    save_kernel,
    trimmed,
    validate_kernel,
)
from autoStructN2V.masking.patterns import detect_periodic_patterns, remove_patterns
from autoStructN2V.masking.periodic_pattern import PeriodicPattern
from autoStructN2V.masking.placement import KernelPlacer, Placement
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.masking.replacement import fill_radius, replace_hidden

__all__ = [
    "SYMMETRIES",
    "Advice",
    "Autocorrelation",
    "ExtractorConfig",
    "Kernel",
    "KernelPlacer",
    "KernelProposal",
    "KernelStatistics",
    "MaskingConfig",
    "NoiseSampler",
    "PeriodicPattern",
    "Placement",
    "Symmetry",
    "center_only",
    "describe_kernel",
    "detect_periodic_patterns",
    "extract_kernel",
    "fill_radius",
    "kernel_symmetries",
    "load_kernel",
    "measure_noise_autocorrelation",
    "propose_kernel",
    "remove_patterns",
    "remove_sinusoids",
    "replace_hidden",
    "save_kernel",
    "trimmed",
    "validate_kernel",
]

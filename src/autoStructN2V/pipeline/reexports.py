"""Names that this package documents and other rooms define."""

from autoStructN2V.datasets.images.names import doubt_file, output_files
from autoStructN2V.inference.model_files import find_models, load_stage1
from autoStructN2V.masking.kernels.evidence import Evidence, measure_evidence
from autoStructN2V.vocabulary import PresetName

__all__ = [
    "Evidence",
    "PresetName",
    "doubt_file",
    "find_models",
    "load_stage1",
    "measure_evidence",
    "output_files",
]

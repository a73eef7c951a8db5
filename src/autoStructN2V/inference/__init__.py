"""Application of a trained network: tiling, prediction, preview, and what is left of the noise."""

from autoStructN2V.inference.noise_report import StageReport, removed_covariance, share_left
from autoStructN2V.inference.predictor import Predictor, SliceFinished, TileFinished
from autoStructN2V.inference.preview import Previewer
from autoStructN2V.inference.tiling import Tile, plan_tiles

__all__ = [
    "Predictor",
    "Previewer",
    "SliceFinished",
    "StageReport",
    "Tile",
    "TileFinished",
    "plan_tiles",
    "removed_covariance",
    "share_left",
]

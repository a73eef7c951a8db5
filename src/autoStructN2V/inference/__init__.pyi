from .noise_report import StageReport, removed_covariance, share_left
from .predictor import Predictor, SliceFinished, TileFinished
from .preview import Previewer
from .tiling import Tile, plan_tiles

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

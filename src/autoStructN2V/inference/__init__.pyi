from .doubt import Doubt, doubt_of
from .model_files import channel_folders
from .noise_report import InputNoise, StageReport, removed_covariance, share_left
from .predictor import Predictor, SliceFinished, TileFinished
from .preview import Previewer
from .tiling import Tile, plan_tiles
from .trained_model import TrainedModel, load_model, save_model

__all__ = [
    "Doubt",
    "InputNoise",
    "Predictor",
    "Previewer",
    "SliceFinished",
    "StageReport",
    "Tile",
    "TileFinished",
    "TrainedModel",
    "channel_folders",
    "doubt_of",
    "load_model",
    "plan_tiles",
    "removed_covariance",
    "save_model",
    "share_left",
]

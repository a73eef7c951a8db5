from .file import read_config, read_settings
from .models import PipelineConfig, validate_config
from .presets import merged

__all__ = ["PipelineConfig", "merged", "read_config", "read_settings", "validate_config"]

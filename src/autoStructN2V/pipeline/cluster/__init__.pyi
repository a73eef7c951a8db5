from .connection import open_client
from .denoising import ClusterDenoiser, require_stores

__all__ = ["ClusterDenoiser", "open_client", "require_stores"]

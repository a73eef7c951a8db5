from .applying import denoise_channels
from .training import ChannelsOutput, channel_events, refuse_to_resume, trained_channels

__all__ = [
    "ChannelsOutput",
    "channel_events",
    "denoise_channels",
    "refuse_to_resume",
    "trained_channels",
]

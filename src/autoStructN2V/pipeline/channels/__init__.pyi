from .applying import (
    DenoisedChannels,
    denoise_channels,
    models_of_channels,
    require_channels,
)
from .folder import ChannelsFolder, channel_names, find_interrupted_channels
from .images import ChannelImages, channels_of_input
from .training import ChannelsOutput, channel_events

__all__ = [
    "ChannelImages",
    "ChannelsFolder",
    "ChannelsOutput",
    "DenoisedChannels",
    "channel_events",
    "channel_names",
    "channels_of_input",
    "denoise_channels",
    "find_interrupted_channels",
    "models_of_channels",
    "require_channels",
]

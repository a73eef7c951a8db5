"""Images of any kind as stacks: sources, axes, metadata, checks, reading and writing."""

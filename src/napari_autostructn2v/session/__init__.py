"""What the docks of one viewer share, and the work that runs in the background."""

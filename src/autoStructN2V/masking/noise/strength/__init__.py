"""How strong the noise is at each brightness, and the shape of its histogram."""

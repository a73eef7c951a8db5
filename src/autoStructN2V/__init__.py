"""Two-stage self-supervised denoising: Noise2Void, kernel extraction, structured Noise2Void."""

__version__ = "0.1.0"

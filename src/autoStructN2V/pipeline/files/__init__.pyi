from .drivers import RunOutput, file_events, open_input, recorded_events, run_pipeline
from .figures import draw_kernel, draw_panels
from .recorder import save_png

__all__ = [
    "RunOutput",
    "draw_kernel",
    "draw_panels",
    "file_events",
    "open_input",
    "recorded_events",
    "run_pipeline",
    "save_png",
]

from .drivers import RunOutput, file_events, open_input, recorded_events, run_pipeline
from .figures import draw_evidence, draw_kernel, draw_panels
from .interrupted import InterruptedTraining, find_interrupted
from .recorder import save_png

__all__ = [
    "InterruptedTraining",
    "RunOutput",
    "draw_evidence",
    "draw_kernel",
    "draw_panels",
    "file_events",
    "find_interrupted",
    "open_input",
    "recorded_events",
    "run_pipeline",
    "save_png",
]

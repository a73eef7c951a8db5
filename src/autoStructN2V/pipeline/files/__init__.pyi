from .drivers import RunOutput, file_events, open_input, recorded_events
from .figures import draw_evidence, draw_kernel, draw_panels
from .interrupted import InterruptedTraining, find_interrupted
from .one_call import run_pipeline
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

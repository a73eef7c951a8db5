"""Images as a run reads them: on one scale, and with all rows where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.mixed import MATCHED_SENTENCE, matched, middle_scale, scales_differ
from autoStructN2V.masking.invalid.finding import invalid_sentences
from autoStructN2V.masking.scanning.source import aligned, shift_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.invalid.source import SignalSource
    from autoStructN2V.pipeline.configuration.models import PipelineConfig


@dataclass(frozen=True)
class PreparedImages:
    """Images as a run reads them.

    Attributes
    ----------
    sources : list of ImageSource
        The stacks.
    sentences : list of str
        What is to be said about them.
    is_matched : bool
        Whether each is normalized for itself.
    is_as_stored : bool
        Whether they are read on the scale and with the rows that they are stored with.
    """

    sources: list[ImageSource]
    sentences: list[str]
    is_matched: bool
    is_as_stored: bool


def prepared_images(
    known: Sequence[SignalSource], config: PipelineConfig, should_stop: Callable[[], bool]
) -> PreparedImages:
    """Move shifted rows back, and match images of another gain or offset.

    Parameters
    ----------
    known : sequence of SignalSource
        Stacks that have been checked.
    config : PipelineConfig
        Complete configuration.
    should_stop : callable
        True ends the search for shifted rows.
    """
    sources = aligned(known, is_wanted=config.align_rows, should_stop=should_stop)
    shifts = shift_sentences(sources)
    # an imported model knows one scale only
    is_imported = config.stage1_model is not None and config.method != "n2v"
    is_wanted = config.match_intensities and not is_imported
    scales = scales_differ(sources) if is_wanted else None
    is_matched = scales is not None
    if scales is not None:
        sources = matched(sources, scales, middle_scale(scales))
    sentences = invalid_sentences(known) + shifts + [MATCHED_SENTENCE] * is_matched
    return PreparedImages(sources, sentences, is_matched, not (is_matched or shifts))

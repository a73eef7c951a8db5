"""How a result was made, in a paragraph for a manuscript, and what it has to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import autoStructN2V
from autoStructN2V.citations import (
    COUPLED_BOOTSTRAP,
    NOISE2VOID,
    RECORRUPTED,
    SOFTWARE,
    STRUCTN2V,
    UNET,
    Citation,
)
from autoStructN2V.inference.model_words import comes_from
from autoStructN2V.quantities import percent_text

if TYPE_CHECKING:
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.report.record import RunRecord
    from autoStructN2V.pipeline.results import StageResult
    from autoStructN2V.trainers.config import StageConfig


class MethodsText:
    """The paragraph, and the list that its numbers in brackets point to.

    Parameters
    ----------
    record : RunRecord

    Attributes
    ----------
    citations : list of Citation
        In the order in which they are cited.
    text : str
        The paragraph.
    """

    def __init__(self, record: RunRecord) -> None:
        self.citations: list[Citation] = []
        self._record = record
        sentences = [
            self._images(),
            self._patterns(),
            *(self._stage(number, stage) for number, stage in sorted(record.stages.items())),
            self._verdict(),
        ]
        self.text = " ".join(sentence for sentence in sentences if sentence)

    def _cited(self, citation: Citation) -> str:
        """Return the number of a citation, in brackets."""
        if citation not in self.citations:
            self.citations.append(citation)
        return f"[{self.citations.index(citation) + 1}]"

    def _images(self) -> str:
        shapes = [source.shape for source in self._record.noisy]
        n_slices = sum(shape[0] for shape in shapes)
        sizes = {shape[1:] for shape in shapes}
        height, width = sizes.pop()
        of = f" of {height} x {width} pixels" if not sizes else ""
        what = f"{n_slices} image{'s' * (n_slices > 1)}{of}"
        if self._record.config.mode == "2.5D":
            word, planes = ("stack", "slices")
            if self._record.config.is_along_time:
                word, planes = ("movie", "frames")
            what = (
                f"{len(shapes)} {word}{'s' * (len(shapes) > 1)} of {n_slices} {planes} in all{of}"
            )
        verb = "was" if what.startswith("1 ") else "were"
        done = "denoised" if self._record.denoised else "used for a training"
        return (
            f"{what} {verb} {done} with napari-autostructn2v {autoStructN2V.__version__} "
            f"{self._cited(SOFTWARE)}, whose networks learn from the noisy images alone."
        )

    def _patterns(self) -> str:
        patterns = self._record.removal.patterns
        if not patterns:
            return ""
        named = "; ".join(pattern.sentence for pattern in patterns)
        return f"Patterns that cover the images were removed first ({named})."

    def _stage(self, number: int, result: StageResult) -> str:
        config = self._record.config
        if number == 1 and config.stage1_model is not None and config.method != "n2v":
            return "An earlier training served as the first stage."
        if not result.history:
            return f"{self._record.stage_name(number)} was stopped before it had learned anything."
        stage = config.stage2 if number == 2 else config.first_stage
        network = self._network(result.model)
        if number == 1:
            how = f"was trained by Noise2Void {self._cited(NOISE2VOID)}"
        else:
            kernel = result.model.kernel
            is_single = kernel.n_hidden == 1  # hides the predicted pixel alone: no structure
            method = "Noise2Void" if is_single else "structured Noise2Void"
            size = "" if is_single else f" of {kernel.n_hidden} pixels"
            how = (
                f"was trained by {method} {self._cited(NOISE2VOID if is_single else STRUCTN2V)} on "
                f"the noisy images; its kernel{size} {self._origin()} and "
                f"{kernel.description.sentence}"
            )
        return f"{network} {how}. {self._training(stage, result)}"

    def _network(self, model: TrainedModel) -> str:
        network = model.network_config
        n_weights = sum(tensor.numel() for tensor in model.weights.values())
        others = "frames before and after" if model.is_along_time else "slices above and below"
        seen = f", which sees the {others} as well," if model.mode == "2.5D" else ""
        return (
            f"A U-Net {self._cited(UNET)} of {network.num_layers} levels with {network.features} "
            f"features at the first ({n_weights / 1e6:.2g} million parameters){seen}"
        )

    def _origin(self) -> str:
        if self._record.result.proposal is None and self._record.config.keeps_kernel:
            return "is that of the model that it began with"
        if self._record.result.proposal is None:
            return "was given"
        if self._record.is_kernel_edited:
            return "was drawn by hand after the autocorrelation of the noise"
        return "was found in the autocorrelation of the noise"

    def _training(self, config: StageConfig, result: StageResult) -> str:
        model = result.model
        origin = comes_from(model)
        text = f"It was {origin}. " if origin else ""
        if not origin and model.provenance.get("has_head_start"):
            text += "It began with weights that had been trained on drawn images. "
        text += (
            f"It took {len(result.history)} epochs, batches of {config.batch_size} patches of "
            f"{config.patch_size} x {config.patch_size} pixels, {config.mask_percentage:g}% of "
            f"pixels hidden, optimizer {config.optimizer.capitalize()}, learning rate "
            f"{config.learning_rate:g}{_while_hidden(model, config)}."
        )
        if model.provenance.get("is_refined"):
            text += (
                " In the last epochs nothing was hidden; noise like the measured one was added "
                f"instead {self._cited(RECORRUPTED)}."
            )
        if len(model.symmetries) > 1:
            text += f" Predictions in {len(model.symmetries)} orientations were averaged."
        if model.grid_share < 1.0:
            text += (
                f" Images were denoised on a grid of {percent_text(model.grid_share)} of their "
                "rows and columns, at which they had been recorded, and brought back to their size."
            )
        return text

    def _verdict(self) -> str:
        verdict = self._record.result.verdict
        if verdict is None:
            return ""
        applied = " of the images without these patterns" if verdict.is_without_patterns else ""
        compared = f"{abs(verdict.gain_db):.1f} dB {'below' if verdict.gain_db >= 0 else 'above'}"
        return (
            "As estimated from the noisy images alone by splitting their noise "
            f"{self._cited(COUPLED_BOOTSTRAP)}, the mean squared error against the truth is "
            f"{'at best ' if verdict.is_open else ''}"
            f"{'about' if verdict.is_tie else compared} that of "
            f"the best Gaussian filter{applied} (standard deviation "
            f"{verdict.gaussian_sigma:.2g} pixels)."
        )


def _while_hidden(model: TrainedModel, config: StageConfig) -> str:
    """Say the learning rate while pixels were hidden, where it was another one."""
    rate = model.provenance.get("hidden_learning_rate")
    if not isinstance(rate, float) or rate == config.learning_rate:
        return ""
    return f" ({rate:g} while pixels were hidden)"

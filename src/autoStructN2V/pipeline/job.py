"""The steps of one run; :mod:`autoStructN2V.pipeline.run` puts them in order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

import autoStructN2V
from autoStructN2V.datasets.patches import PatchBank, load_patch_bank
from autoStructN2V.datasets.region_of_interest import region_of_interest
from autoStructN2V.datasets.splitting import Split, split_patches
from autoStructN2V.errors import InputError, KernelError
from autoStructN2V.inference.model_files import load_stage1
from autoStructN2V.inference.noise_report import (
    InputNoise,
    StageComparison,
    StageReport,
    at_lags,
    removed_covariance,
    share_left,
    shared_noise_sentence,
)
from autoStructN2V.inference.predictor import PredictionStopped, Predictor, SliceFinished
from autoStructN2V.inference.preview import Previewer
from autoStructN2V.inference.trained_model import TrainedModel
from autoStructN2V.masking.kernels.evidence import Evidence, measure_evidence
from autoStructN2V.masking.kernels.kernel import center_only, trimmed, validate_kernel
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline.clock import PredictionClock
from autoStructN2V.pipeline.decisions import Approve, Decision, Regenerate, Skip
from autoStructN2V.pipeline.events import (
    AwaitingDecision,
    Event,
    KernelProposed,
    StageFinished,
    StagesCompared,
    StageStarted,
    StageTrained,
)
from autoStructN2V.pipeline.results import PipelineResult, ResultSink, StageResult
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.data import RefinementPlan, TrainingData
from autoStructN2V.trainers.events import Warned
from autoStructN2V.trainers.trainer import (
    Trainer,
    TrainingResult,
    build_network,
)
from autoStructN2V.trainers.validation import MaskedValidation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import torch
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.vocabulary import StripeRemoval

LARGEST_BANK = {"cpu": 2 * 2**30, "cuda": 8 * 2**30, "mps": 4 * 2**30}  # bytes
_POLL_SECONDS = 0.05
_N_TEST_PATCHES = 64


@dataclass
class Job:
    """One run: what its steps share, and the steps."""

    sources: list[ImageSource]
    config: PipelineConfig
    should_stop: Callable[[], bool]
    sink: ResultSink
    preview_slice: Callable[[], int] | None
    normalization: Normalization
    device: torch.device
    stripe_removal: StripeRemoval
    results: dict[int, StageResult] = field(default_factory=dict)
    comparison: StageComparison | None = None
    _bank: PatchBank | None = None
    _evidence: dict[bool, Evidence] = field(default_factory=dict)

    def result(self, kernel: Kernel | None, proposal: KernelProposal | None) -> PipelineResult:
        """Return what was reached so far."""
        config = self.config
        last = self.results.get(config.last_stage)
        # a stop that comes after the end stops nothing
        is_complete = last is not None and last.report is not None
        return PipelineResult(
            self.results.get(1),
            self.results.get(2),
            proposal,
            kernel,
            is_stopped=self.should_stop() and not is_complete,
            comparison=self.comparison,
        )

    def first_stage(self) -> Generator[Event, Decision | None, None]:
        """Train stage 1, or apply an imported one."""
        if self.config.stage1_model is None:
            first = self.config.first_stage
            kernel = center_only(self.config.mode, first.mask_center_size)
            yield from self.train_stage(1, first, kernel)
            return
        model = load_stage1(self.config.stage1_model, self.config.mode)
        for message in model.normalization.compare(self.normalization):
            yield Warned(message)
        self.normalization = model.normalization.relative_to(self.normalization.offset)
        yield from self._finish_stage(model, TrainingResult(model.build(self.device)))

    def train_stage(
        self, stage: int, config: StageConfig, kernel: Kernel
    ) -> Generator[Event, Decision | None, None]:
        """Train one stage, apply it and measure the result."""
        plan = yield from self._refinement(config, kernel)
        trainer = self._trainer(stage, config, kernel, plan)
        n_parameters = sum(p.numel() for p in trainer.network.parameters())
        yield StageStarted(stage, self.config.num_epochs, n_parameters, str(self.device), kernel)
        outcome = yield from trainer.run(self.should_stop, self._previewer())
        model = self._model(stage, config, kernel, outcome)
        yield from self._finish_stage(model, outcome)

    def decide_kernel(
        self, review: bool
    ) -> Generator[Event, Decision | None, tuple[Kernel | None, KernelProposal | None]]:
        """Propose a kernel until it is approved or skipped; None means there is none."""
        extractor = self.config.stage2.extractor
        try:
            proposal = self._measured(extractor).propose(extractor)
        except InputError as error:
            yield Warned(f"{error} Stage 2 was left out.")
            return None, None
        while True:
            if self.should_stop():
                return None, proposal
            decision = yield KernelProposed(proposal)
            while decision is None and review and not self.should_stop():
                time.sleep(_POLL_SECONDS)
                decision = yield AwaitingDecision()
            if isinstance(decision, Skip) or self.should_stop():
                return None, proposal
            if isinstance(decision, Regenerate):
                extractor = decision.extractor
                proposal = self._measured(extractor).propose(extractor)
                continue
            edited = decision.kernel if isinstance(decision, Approve) else None
            kernel = proposal.kernel if edited is None else edited
            try:
                return validate_kernel(kernel, self.config.mode), proposal
            except KernelError as error:
                yield Warned(str(error))

    def compare_stages(self) -> Generator[Event, Decision | None, None]:
        """Let both networks predict the same hidden pixels, when both stages came to their end."""
        first, second = self.results.get(1), self.results.get(2)
        if first is None or second is None or first.report is None or second.report is None:
            return
        kernel, config = second.model.kernel, self.config.stage2
        one, two = (
            self._held_out_loss(stage.model.build(self.device), kernel, config)
            for stage in (first, second)
        )
        is_noise_known = second.report.is_noise_known
        self.comparison = StageComparison(one, two, int(kernel.sum()), is_noise_known)
        yield StagesCompared(self.comparison)
        if self.comparison.better_stage == 1:
            yield Warned(self.comparison.sentence)

    def _measured(self, extractor: ExtractorConfig) -> Evidence:
        """Measure the noise, once for each way of measuring."""
        way = extractor.norm_autocorr
        if way not in self._evidence:
            self._evidence[way] = measure_evidence(
                self.sources, extractor, self.config.mode, remove_stripes="off"
            )
        return self._evidence[way]

    def _reported_evidence(self) -> Evidence | None:
        """Return what the configured way of measuring says; None of too little to be measured."""
        try:
            return self._measured(self.config.stage2.extractor)
        except InputError:
            return None

    def _refinement(
        self, config: StageConfig, kernel: Kernel
    ) -> Generator[Event, Decision | None, RefinementPlan | None]:
        """Plan the refinement that is asked for, where the noise allows one."""
        share = config.refinement if isinstance(config, LastStageConfig) else 0.0
        if not share:
            return None
        evidence = self._reported_evidence()
        if evidence is None:
            return None
        noise = evidence.autocorrelation
        reason = None
        if not noise.is_uniform_gaussian:
            reason = "The noise is not bell-shaped and equally strong everywhere"
        elif not noise.is_strength_known:
            reason = "Noise and structure could not be told apart"
        if reason:
            yield Warned(f"{reason}, so the refinement was left out and pixels stay hidden.")
            return None
        scale = self.normalization.mean, self.normalization.std
        sampler = NoiseSampler(noise, _stacked(kernel), scale, config.patch_size, self.device)
        return RefinementPlan(sampler, share)

    def _trainer(
        self,
        stage: int,
        config: StageConfig,
        kernel: Kernel,
        plan: RefinementPlan | None,
    ) -> Trainer:
        seed = self.config.random_seed + stage
        n_channels = 3 if self.config.mode == "2.5D" else 1
        network = build_network(config, n_channels, seed).placed_on(self.device)
        split = self._restricted(self._split(config.patch_size), config)
        data = TrainingData(self._training_pixels(), split, _stacked(kernel), plan)
        return Trainer(network, data, config, self.config, stage, seed)

    def _training_pixels(self) -> PatchBank:
        """Return the normalized pixels, read once for both stages."""
        if self._bank is None:
            self._bank = load_patch_bank(
                self.sources,
                self.normalization,
                self.config.mode,
                self.device,
                LARGEST_BANK[self.device.type],
            )
        return self._bank

    def _split(self, patch_size: int) -> Split:
        return split_patches(
            self._training_pixels().shapes,
            patch_size,
            self.config.split_ratio,
            np.random.default_rng(self.config.random_seed),
        )

    def _restricted(self, split: Split, config: StageConfig) -> Split:
        """Keep the training patches of the region of interest, when one is asked for."""
        if not config.use_roi:
            return split
        bank = self._training_pixels()
        region = region_of_interest(
            ((i, bank.image(i)) for i in bank.shapes),
            patch_size=config.patch_size,
            roi_threshold=config.roi_threshold,
            scale_factor=config.scale_factor,
            select_background=config.select_background,
        )
        return split.restricted(region)

    def _previewer(self) -> Previewer | None:
        if self.preview_slice is None:
            return None
        return Previewer(self.sources, self.normalization, self.config.mode, self.preview_slice)

    def _model(
        self, stage: int, config: StageConfig, kernel: Kernel, outcome: TrainingResult
    ) -> TrainedModel:
        network_config = NetworkConfig(
            **{name: config[name] for name in NetworkConfig.model_fields}
        )
        last = outcome.history[-1] if outcome.history else None
        provenance = {
            "version": autoStructN2V.__version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "images": [source.name for source in self.sources],
            "shapes": [list(source.shape) for source in self.sources],
            "epochs": len(outcome.history),
            "best_val_loss": last.best_val_loss if last else None,
            "is_stopped": outcome.is_stopped,
            "preset": self.config.preset,
            "remove_periodic": self.config.remove_periodic,
            "remove_stripes": self.stripe_removal,
        }
        return TrainedModel(
            network_config,
            outcome.network.state_dict(),
            self.normalization,
            self.config.mode,
            self.config.method,
            stage,
            _stacked(kernel),
            provenance,
            average_turns=isinstance(config, LastStageConfig) and config.averages_turns,
        )

    def _finish_stage(
        self, model: TrainedModel, outcome: TrainingResult
    ) -> Generator[Event, Decision | None, None]:
        """Denoise all sources, measure what is left of the noise, and report."""
        stage = model.stage
        yield StageTrained(stage, model)
        is_stopped = outcome.is_stopped
        if not is_stopped:
            is_stopped = not (yield from self._denoise(model, outcome.network))
        report = None if is_stopped else self._report(model, outcome.network)
        denoised = None if is_stopped else self.sink.arrays(stage)
        self.results[stage] = StageResult(model, denoised, report, outcome.history)
        if report is not None and report.shared_noise is not None:
            yield Warned(report.shared_noise)
        yield StageFinished(stage, model, denoised, report, is_stopped)

    def _denoise(
        self, model: TrainedModel, network: FlexibleUNet
    ) -> Generator[Event, Decision | None, bool]:
        """Denoise all sources into the sink; return whether it came to the end."""
        stage = model.stage
        predictor = Predictor(
            network, self.normalization, self.config.mode, symmetries=model.symmetries
        )
        progress = PredictionClock(stage, sum(predictor.n_tiles(s) for s in self.sources))
        for source in self.sources:
            try:
                with self.sink.writer(stage, source) as write:
                    for event in predictor.denoise(source, self.should_stop):
                        if isinstance(event, SliceFinished):
                            write(event.index, event.image)
                        else:
                            yield progress.advance()
                    if self.should_stop():
                        raise PredictionStopped
            except PredictionStopped:
                return False
        return True

    def _report(self, model: TrainedModel, network: FlexibleUNet) -> StageReport:
        """Measure what was removed, and the masked loss on the held-out part."""
        removed = removed_covariance(self.sources, self.sink.denoised(model.stage), MAX_LAG)
        center = MAX_LAG
        variance = max(float(removed[center, center]), 1e-30)
        config = self.config.stage2 if model.stage == 2 else self.config.first_stage
        removed_at_lags = at_lags(removed / variance)
        is_last = model.stage == self.config.last_stage
        evidence = self._reported_evidence()
        return StageReport(
            input_noise=InputNoise.measured(evidence.autocorrelation) if evidence else None,
            removed_std=float(np.sqrt(variance)),
            removed_autocorrelation=removed_at_lags,
            masked_loss=self._held_out_loss(network, model.kernel, config),
            masked_under=int(model.kernel.sum()),
            structured_noise_left=self._structured_noise_left(removed),
            shared_noise=shared_noise_sentence(removed_at_lags, model.kernel) if is_last else None,
        )

    def _structured_noise_left(self, removed: NDArray[np.float64]) -> float | None:
        evidence = self._reported_evidence()
        if evidence is None or not evidence.autocorrelation.is_strength_known:
            return None
        in_plane = evidence.autocorrelation.values[len(evidence.autocorrelation.values) // 2]
        kernel = evidence.propose(self.config.stage2.extractor).kernel
        in_plane_kernel = kernel[1] if kernel.ndim == 3 else kernel
        noise = in_plane * evidence.autocorrelation.noise_variance
        return share_left(removed, noise, in_plane_kernel)

    def _held_out_loss(self, network: FlexibleUNet, kernel: Kernel, config: StageConfig) -> float:
        bank = self._training_pixels()
        test = self._split(config.patch_size).test
        seed = self.config.random_seed
        return MaskedValidation(bank, test, kernel, config, seed, _N_TEST_PATCHES).loss(network)


def _stacked(kernel: Kernel) -> Kernel:
    """Return a kernel without its empty border, with an axis of slices (1 or 3, h, w)."""
    cut = trimmed(kernel)
    return cut if cut.ndim == 3 else cut[None]

"""The steps of one run; :mod:`autoStructN2V.pipeline.run` puts them in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.validity import Comparable
from autoStructN2V.errors import InputError
from autoStructN2V.inference.doubt import doubtful_area
from autoStructN2V.inference.model_files import load_stage1
from autoStructN2V.inference.noise_report import removed_std
from autoStructN2V.inference.predictor import PredictionStopped
from autoStructN2V.inference.preview import Previewer
from autoStructN2V.inference.trained_model import TrainedModel
from autoStructN2V.inference.verdict import NoVerdict, Verdict
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline.events import (
    Event,
    Judged,
    StageFinished,
    StagesCompared,
    StageStarted,
    StageTrained,
)
from autoStructN2V.pipeline.provenance import Origin
from autoStructN2V.pipeline.results import PipelineResult, ResultSink, StageResult
from autoStructN2V.pipeline.steps.denoising import Denoiser
from autoStructN2V.pipeline.steps.doubting import DoubtMaps
from autoStructN2V.pipeline.steps.head_starts import HeadStarts
from autoStructN2V.pipeline.steps.judging import judge_stages
from autoStructN2V.pipeline.steps.refinement_plan import plan_refinement
from autoStructN2V.pipeline.steps.stage_report import compare_stages, report_on_stage
from autoStructN2V.pipeline.steps.stage_spectra import stage_spectra
from autoStructN2V.pipeline.steps.training_data import RunPixels, bank_bytes
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.events import Warned
from autoStructN2V.trainers.result import TrainingResult
from autoStructN2V.trainers.trainer import Trainer, build_network

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import torch

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.inference.noise_report import StageComparison, StageReport
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints, StageCheckpoints
    from autoStructN2V.pipeline.going_on.start import Start
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.trainers.data import RefinementPlan


@dataclass
class Job:
    """One run: what its steps share, and the steps."""

    originals: list[ImageSource]
    evened: list[ImageSource]
    noise: NoiseMeasurement
    config: PipelineConfig
    should_stop: Callable[[], bool]
    sink: ResultSink
    preview_slice: Callable[[], int] | None
    normalization: Normalization
    device: torch.device
    removal: PatternRemoval
    checkpoints: RunCheckpoints | None = None
    is_matched: bool = False
    start: Start | None = None
    is_as_stored: bool = True  # on the scale and with the rows of the images; else no map of doubt
    results: dict[int, StageResult] = field(default_factory=dict)
    networks: dict[int, FlexibleUNet] = field(default_factory=dict)
    comparison: StageComparison | None = None
    verdict: Verdict | None = None
    measured: Autocorrelation | None = None

    @cached_property
    def sources(self) -> list[ImageSource]:
        """The stacks on the grid that is worked on, evenly bright."""
        return self.noise.grid.of(self.evened)

    @cached_property
    def head_starts(self) -> HeadStarts:
        """Which trainings begin with the weights of the package."""
        return HeadStarts(self.config, self.noise, self.start)

    @cached_property
    def origin(self) -> Origin:
        """What the models say of where they come from."""
        return Origin(
            self.originals,
            self.config,
            self.noise,
            self.removal,
            self.is_matched,
            self.device,
            self.start,
        )

    @cached_property
    def pixels(self) -> RunPixels:
        """What both stages train on; read when asked for, once the normalization is settled."""
        if self.checkpoints is not None:
            self.checkpoints.keep_pixel_memory(bank_bytes(self.config, self.device) / 2**30)
        return RunPixels(self.sources, self.normalization, self.config, self.device)

    def result(self, kernel: Kernel | None, proposal: KernelProposal | None) -> PipelineResult:
        """Return what was reached so far."""
        last = self.results.get(self.config.last_stage)
        # a stop that comes after the end stops nothing
        is_complete = last is not None and last.report is not None
        return PipelineResult(
            self.results.get(1),
            self.results.get(2),
            proposal,
            kernel,
            is_stopped=self.should_stop() and not is_complete,
            comparison=self.comparison,
            verdict=self.verdict,
            noise=self.measured,
        )

    def first_stage(self) -> Generator[Event, Decision | None, None]:
        """Train stage 1, or apply an imported one."""
        if self.config.stage1_model is None:
            first = self.config.first_stage
            kernel = Kernel.center_only(self.config.mode, first.mask_center_size)
            yield from self.train_stage(1, first, kernel)
            return
        model = load_stage1(self.config.stage1_model, self.config.mode, self.config.triplets_along)
        for message in model.normalization.compare(self.normalization):
            yield Warned(message)
        relative = model.normalization.relative_to(self.normalization.offset)
        # what is kept of it here is prepared for as this run prepares its images
        provenance = {**model.provenance, **self.origin.preparation}
        model = replace(model, normalization=relative, provenance=provenance)
        self.normalization = relative
        yield from self._finish_stage(model, TrainingResult(model.build(self.device)))

    def train_stage(
        self, stage: int, config: StageConfig, kernel: Kernel
    ) -> Generator[Event, Decision | None, None]:
        """Train one stage, apply it and measure the result."""
        hidden = replace(kernel.trimmed(), grid_share=self.noise.grid.share)
        is_refined = self.start is not None and self.start.is_refined(stage)
        may_have = self.head_starts.may_be_given(stage, hidden)
        plan = yield from plan_refinement(
            config,
            hidden,
            self.noise,
            self.normalization,
            self.device,
            sources=self.evened,
            is_refined=is_refined,
            has_head_start=may_have,
            should_stop=self.should_stop,
        )
        data = self.pixels.training_data(config, hidden, plan)
        seed = self.config.random_seed + stage
        network = build_network(config, 3 if self.config.mode == "2.5D" else 1, seed)
        if may_have and (plan is not None or hidden.n_hidden == 1):
            self.head_starts.give(stage, network)
        rate = self.head_starts.hidden_rate(stage, config)
        trainer = Trainer(
            network.placed_on(self.device), data, config, self.config, stage, seed, hidden_rate=rate
        )
        if self.start is not None:
            yield from self.start.begin(trainer, stage)
        n_parameters = sum(p.numel() for p in trainer.network.parameters())
        yield StageStarted(stage, self.config.num_epochs, n_parameters, str(self.device), kernel)
        kept = self._checkpoints(stage, hidden, plan)
        outcome = yield from trainer.run(self.should_stop, self._previewer(), kept)
        model = self._model(stage, config, hidden, outcome)
        yield from self._finish_stage(model, outcome)

    def _checkpoints(
        self, stage: int, kernel: Kernel, plan: RefinementPlan | None
    ) -> StageCheckpoints | None:
        if self.checkpoints is None:
            return None
        prepared = {
            "the device": self.device.type,
            "the normalization": self.normalization.to_dict(),
            "the grid": self.noise.grid.share,
            "the kernel": kernel.to_array().tolist(),
            "the noise": None if plan is None else float(plan.noise.variance),
        }
        return self.checkpoints.of_stage(stage, prepared)

    def compare_stages(self) -> Generator[Event, Decision | None, None]:
        """Say which stage is better, when both came to their end."""
        self.comparison = compare_stages(
            self.results.get(1), self.results.get(2), self.networks, self.pixels, self.config.stage2
        )
        if self.comparison is not None:
            yield StagesCompared(self.comparison)
            if self.comparison.better_stage == 1:
                yield Warned(self.comparison.sentence)

    def judge(self) -> Generator[Event, Decision | None, None]:
        """Say how what is finished compares with a Gaussian filter."""
        if not any(result.report is not None for result in self.results.values()):
            return
        try:
            self.measured = self.noise.evidence(self.noise.configured).autocorrelation
        except InputError as error:
            yield Warned(NoVerdict(str(error)).sentence)
            return
        found = judge_stages(
            self._named(),
            self.sources,
            self.normalization,
            self.measured,
            self._differing(self.measured),
            self.device,
            self.config.random_seed,
            self.should_stop,
            is_learned=self.pixels.holds_nothing_out,
            is_without_patterns=bool(self.removal.patterns),
        )
        if isinstance(found, NoVerdict):
            yield Warned(found.sentence)
        elif found is not None:
            self.verdict = found
            yield Judged(found)
            if found.loses_to_gaussian:
                yield Warned(found.sentence)

    def _differing(self, noise: Autocorrelation) -> list[ImageSource] | None:
        """Return the stacks as they are measured, if noise differs in them and they tell it."""
        is_told = noise.is_strength_known and not self.noise.grid.is_coarse
        if not is_told or not self.noise.differs(self.should_stop):
            return None
        return self.noise.measured_sources()

    def _named(self) -> dict[str, tuple[TrainedModel, FlexibleUNet]]:
        """Return what was trained by the name that a verdict gives it."""
        is_only = self.config.method == "n2v"
        return {
            "the result" if is_only else f"stage {stage}": (result.model, self.networks[stage])
            for stage, result in self.results.items()
            if result.report is not None
        }

    def _previewer(self) -> Previewer | None:
        if self.preview_slice is None:
            return None
        return Previewer(
            self.sources,
            self.normalization,
            self.config.mode,
            self.preview_slice,
            shown_as=self.evened,
        )

    def _model(
        self, stage: int, config: StageConfig, kernel: Kernel, outcome: TrainingResult
    ) -> TrainedModel:
        network_config = NetworkConfig(
            **{name: config[name] for name in NetworkConfig.model_fields}
        )
        return TrainedModel(
            network_config,
            outcome.network.state_dict(),
            self.normalization,
            self.config.mode,
            self.config.method,
            stage,
            kernel,
            self.origin.of_model(stage, config, outcome, self.head_starts),
            average_turns=isinstance(config, LastStageConfig) and config.averages_turns,
            grid_share=self.noise.grid.share,
            triplets_along=self.config.triplets_along,
        )

    def _finish_stage(
        self, model: TrainedModel, outcome: TrainingResult
    ) -> Generator[Event, Decision | None, None]:
        """Denoise all sources, measure what is left of the noise, and report."""
        stage = model.stage
        self.networks[stage] = outcome.network
        yield StageTrained(stage, model, outcome.optimizer)
        is_stopped = outcome.is_stopped
        if not is_stopped:
            is_stopped = not (yield from self._denoise(model, outcome.network))
        report = None if is_stopped else self._report(model, outcome.network)
        denoised = None if is_stopped else self.sink.arrays(stage)
        self.results[stage] = StageResult(model, denoised, report, outcome.history)
        if report is not None and report.shared_noise is not None:
            yield Warned(report.shared_noise)
        doubt = None if report is None or report.doubtful_area is None else self._doubt_maps()
        spectra = stage_spectra(self.originals, self.sink.denoised(stage)) if report else None
        yield StageFinished(stage, model, denoised, report, is_stopped, doubt, spectra)

    def _doubt_maps(self) -> DoubtMaps | None:
        noise = self.noise.as_recorded()
        if noise is None or not self.is_as_stored:
            return None
        return DoubtMaps(
            noise,
            self.removal.forgetful(),
            self.originals[0].metadata.offset,
            self.config.repair_outliers,
        )

    def _denoise(
        self, model: TrainedModel, network: FlexibleUNet
    ) -> Generator[Event, Decision | None, bool]:
        """Denoise all sources into the sink; return whether it came to the end."""
        denoiser = Denoiser(model, network, self.evened, self.should_stop)
        for source in self.evened:
            try:
                with self.sink.writer(model, source) as target:
                    yield from denoiser.denoise(source, target)
                    if self.should_stop():
                        raise PredictionStopped
            except PredictionStopped:
                return False
        return True

    def _report(self, model: TrainedModel, network: FlexibleUNet) -> StageReport:
        evidence, grid = self.noise.reported(), self.noise.grid
        noise = self.noise.as_recorded()
        denoised = self.sink.denoised(model.stage)
        comparable = [Comparable(*both) for both in zip(denoised, self.originals, strict=True)]
        config = self.config.stage2 if model.stage == 2 else self.config.first_stage
        return report_on_stage(
            grid.of(self.originals),
            grid.of(comparable),
            evidence,
            evidence.propose(self.noise.configured).kernel if evidence else None,
            kernel=model.kernel,
            masked_loss=self.pixels.held_out_loss(network, model.kernel, config),
            doubtful_area=doubtful_area(self.originals, comparable, noise) if noise else None,
            is_last=model.stage == self.config.last_stage,
            input_noise=self.noise.of_images(),
            removed_std=removed_std(self.originals, comparable) if grid.is_coarse else None,
        )

"""Which stages begin with the weights of the package, and how their trainings differ by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoStructN2V.models.head_start import GENTLY, give_head_start, has_head_start
from autoStructN2V.trainers.config import LastStageConfig

if TYPE_CHECKING:
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.going_on.start import Start
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
    from autoStructN2V.trainers.config import StageConfig


@dataclass
class HeadStarts:
    """The head starts of one run.

    Attributes
    ----------
    config : PipelineConfig
        Of the run.
    noise : NoiseMeasurement
        What is known of the noise of its images.
    start : Start or None
        The models that it goes on from.
    """

    config: PipelineConfig
    noise: NoiseMeasurement
    start: Start | None
    _given: set[int] = field(default_factory=set, init=False)

    def may_be_given(self, stage: int, kernel: Kernel) -> bool:
        """Whether a training that hides a kernel may begin with the weights of the package.

        Stage 1 may not, nor N2V where neighbors share noise: what they learn of it they would copy
        from the pixels that they see. Nor would stage 2 unlearn that without a refinement: what is
        filled into a kernel looks unlike the noise around it, and the weights, which know both, do
        not do with seen pixels what they learn from hidden ones.
        """
        config = self.config.stages_to_train[stage]
        is_anew = self.start is None or stage not in self.start.models
        is_last = isinstance(config, LastStageConfig)
        is_meant = is_anew and is_last and self.config.head_start and has_head_start(config)
        return is_meant and not (kernel.n_hidden == 1 and self._is_noise_shared())

    def give(self, stage: int, network: FlexibleUNet) -> None:
        """Let the network of a stage begin with the weights of the package."""
        give_head_start(network)
        self._given.add(stage)

    def has(self, stage: int) -> bool:
        """Whether a training began there, or with a model that did."""
        is_continued = self.start is not None and self.start.has_head_start(stage)
        return stage in self._given or is_continued

    def hidden_rate(self, stage: int, config: StageConfig) -> float:
        """Return by how much steps are smaller while pixels are hidden.

        Where no refinement is asked for, the network has to learn all from hidden pixels.
        """
        is_to_be_refined = isinstance(config, LastStageConfig) and config.refinement > 0
        return GENTLY if is_to_be_refined and self.has(stage) else 1.0

    def _is_noise_shared(self) -> bool:
        """Whether structured noise was found in the images."""
        evidence = self.noise.reported()
        return evidence is not None and evidence.propose(self.noise.configured).advice.found

"""The whole configuration, composed of the parameters of the components."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from autoStructN2V.errors import ConfigError
from autoStructN2V.masking.patterns.fourier.choices import PatternEdits, PatternList
from autoStructN2V.pipeline.configuration.errors import explain
from autoStructN2V.pipeline.configuration.presets import PRESETS, merged
from autoStructN2V.pipeline.configuration.stages import (
    FirstStageConfig,
    N2VConfig,
    Stage1Config,
    Stage2Config,
)
from autoStructN2V.trainers.config import ScheduleConfig, StageConfig
from autoStructN2V.vocabulary import (
    Channels,
    DeviceName,
    GoingOn,
    Method,
    Mode,
    PresetName,
    StripeRemoval,
    TripletsAlong,
    lowest_means,
)


class PipelineConfig(ScheduleConfig):
    """Everything that a training needs; the nested dictionary of the documentation.

    Fields that are not given take the value of the preset, then the default.
    """

    preset: PresetName = Field(
        "balanced",
        title="Preset",
        description="Starting values: fast for a minute or two on a laptop, balanced for "
        "better results in some more, high_quality for the best, documented for the documented "
        "numbers.",
    )
    method: Method = Field(
        "autostructn2v",
        title="Method",
        description="n2v removes random noise; autostructn2v removes structured noise as well.",
    )
    mode: Mode = Field(
        "2D",
        title="Mode",
        description="2D treats slices one by one; 2.5D sees triplets: a slice with the ones above "
        "and below, or a frame with the ones before and after.",
    )
    triplets_along: TripletsAlong = Field(
        "z",
        title="Triplets along",
        description="What the triplets of 2.5D follow each other along: z, slices of a stack; "
        "time, frames of a movie, of which the sample moves little from one to the next.",
    )
    input_dir: Path | None = Field(
        None,
        title="Input",
        description="An image file (TIFF, OME-Zarr, MRC, HDF5, ...) or a folder of them.",
    )
    output_dir: Path = Field(
        Path("./results"), title="Output folder", description="Where results are written."
    )
    experiment_name: str = Field(
        "autoStructN2V_experiment",
        min_length=1,
        pattern=r"^[^/\\:*?\"<>|]*[^/\\:*?\"<>|.]$",
        title="Experiment name",
        description="Folder inside the output folder.",
    )
    image_extension: str = Field(
        ".tif",
        title="File ending",
        description="Ending of the files in an input folder; files of all formats are taken where "
        "none is given.",
    )
    axes: str | None = Field(
        None, title="Axes", description="Names of the file's axes, when it does not say, as ZYX."
    )
    channel: int | None = Field(
        None, ge=0, title="Channel", description="Channel of a multichannel file, from 0."
    )
    channels: Channels = Field(
        "one",
        title="Channels",
        description="one: one model; each: of images with several channels, a model for each, with "
        "a kernel of its own, kept together; results have all channels.",
    )
    timepoint: int | None = Field(
        None, ge=0, title="Timepoint", description="Timepoint of a time series of stacks, from 0."
    )
    output_dtype: Literal["float32", "input"] = Field(
        "float32",
        title="Output type",
        description="float32 keeps everything; input rounds and saturates to the input's type.",
    )
    device: DeviceName = Field(
        "auto", title="Device", description="auto takes a GPU when there is one."
    )
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        title="Processor cores",
        description="How many cores compute when there is no GPU; 0 for all, less one where they "
        "are more than two. The result does not depend on it.",
        json_schema_extra=lowest_means("All"),
    )
    pixel_memory: float = Field(
        0.0,
        ge=0,
        le=1024,
        title="Memory for pixels",
        description="GB of memory for the pixels that patches are drawn from; of larger images, "
        "evenly chosen slices are kept. 0 for a quarter of what is free, at most 1 GB on a "
        "processor and 8 GB on a GPU.",
        json_schema_extra=lowest_means("Auto"),
    )
    random_seed: int = Field(
        42, ge=0, le=2**31 - 1, title="Random seed", description="Same seed, same result."
    )
    verbose: bool = Field(
        False,
        title="Verbose",
        description="Let run_pipeline write its progress to the error stream.",
    )
    run_stage1: bool = Field(True, title="Run stage 1", description="Train stage 1.")
    run_stage2: bool = Field(True, title="Run stage 2", description="Train stage 2.")
    remove_periodic: bool = Field(
        True,
        title="Remove periodic patterns",
        description="Take out strictly periodic patterns that cover the images, and offsets of "
        "whole rows or columns, before training and before a model is applied; no kernel can hide "
        "them. Periodic structure, which does not cover the images, stays.",
    )
    remove_stripes: StripeRemoval = Field(
        "auto",
        title="Remove stripes",
        description="Take out stripes along rows or columns that fade and end within the images, "
        "as curtaining makes them, before training and before a model is applied. auto: where they "
        "cover the images, if Remove periodic patterns is on.",
    )
    also_remove: PatternList = Field(
        "",
        title="Also remove",
        description="Patterns to take out although they are not found: rows or columns, for their "
        "offsets, or PERIOD@ANGLE in pixels and degrees, for a wave; 8@90 has a period of 8 px "
        "along y. The Mask editor fills this in when its spectrum is clicked.",
    )
    keep_patterns: PatternList = Field(
        "",
        title="Keep patterns",
        description="Patterns to leave in although they are found, written as in Also remove.",
    )
    repair_outliers: bool = Field(
        True,
        title="Repair outliers",
        description="Leave out hot, dead and stuck pixels, cosmic rays, salt and pepper, before "
        "training and before a model is applied, and fill them from their surroundings. Spots that "
        "came through optics stay, however small or bright they are.",
    )
    align_rows: bool = Field(
        True,
        title="Align scanned rows",
        description="Move every other row back where it lies beside its neighbors by the same "
        "fraction of a pixel or several pixels all over, as scanners leave it that record on the "
        "way there and back.",
    )
    match_intensities: bool = Field(
        True,
        title="Match intensities",
        description="Normalize each of several images for itself where they differ in gain or "
        "offset, as images of 8 and 16 bit do, and each slice of a stack whose brightness falls or "
        "rises steadily, as when a dye bleaches. Off: all are normalized alike.",
    )
    recorded_resolution: bool = Field(
        True,
        title="Work at the recorded resolution",
        description="Denoise images that were enlarged or filtered after they were recorded on the "
        "coarser grid that they were recorded on, and bring the result back to their size. Noise "
        "that ends well below the fastest change that pixels can show tells them.",
    )
    head_start: bool = Field(
        False,
        title="Head start",
        description="Begin stage 2, and N2V where no structured noise is found, with weights that "
        "were trained on drawn images with noise of many kinds, instead of random weights: better "
        "results, above all of few steps and of small images. Of use with 32 features and 2 "
        "layers, as the presets have them; with a kernel of several pixels only where a refinement "
        "can follow. While pixels are hidden, the learning rate is a tenth then.",
    )
    stage1_model: Path | None = Field(
        None,
        title="Imported stage 1",
        description="Model file or model folder of an earlier training; stage 1 is then applied "
        "but not trained.",
    )
    start_model: Path | None = Field(
        None,
        title="Go on from",
        description="Model file or model folder of an earlier training, whose network the training "
        "of its stage begins with, instead of random weights.",
    )
    start_as: GoingOn = Field(
        "continue",
        title="Go on as",
        description="continue: more epochs on the same images, with the state of the optimizer; "
        "fine_tune: a short training on other images of the same kind. Of use with a model to go "
        "on from.",
    )
    keep_kernel: bool = Field(
        True,
        title="Keep the kernel",
        description="Take the kernel of the model that stage 2 goes on from. Off: measure it anew "
        "in the images.",
    )
    n2v: N2VConfig = Field(default_factory=N2VConfig, title="N2V", description="Plain Noise2Void.")
    stage1: Stage1Config = Field(
        default_factory=Stage1Config, title="Stage 1", description="Noise2Void."
    )
    stage2: Stage2Config = Field(
        default_factory=Stage2Config, title="Stage 2", description="Structured Noise2Void."
    )

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        name = values.get("preset", "balanced")
        return merged(PRESETS[name], values) if name in list(PRESETS) else values

    @model_validator(mode="after")
    def _stages_fit_together(self) -> Self:
        if self.channels == "each" and self.channel is not None:
            raise ValueError(
                f"channels is 'each' but channel is {self.channel}; drop channel to train a model "
                "for each, or use channels 'one'"
            )
        if self.channels == "each" and self.start_model is not None:
            raise ValueError(
                "channels is 'each' but start_model is given, which is the model of one channel; "
                "choose that channel and use channels 'one'"
            )
        if self.method == "n2v":
            return self
        if not (self.run_stage1 or self.run_stage2):
            raise ValueError("run_stage1 and run_stage2 are both False; switch at least one on")
        has_stage1 = self.run_stage1 or self.stage1_model or self.start_model
        if self.run_stage2 and self.stage2.mask_source == "stage1" and not has_stage1:
            raise ValueError(
                "mask_source is 'stage1' but stage 1 does not run, so there is nothing to extract "
                "a kernel from; run stage 1, or use mask_source 'file' or 'extractor'"
            )
        return self

    @model_validator(mode="after")
    def _patterns_go_or_stay(self) -> Self:
        both = set(self.pattern_edits.removed) & set(self.pattern_edits.kept)
        if both:
            raise ValueError(
                f"also_remove is {self.also_remove!r} and keep_patterns {self.keep_patterns!r}; "
                "name each pattern in one of them"
            )
        return self

    @property
    def pattern_edits(self) -> PatternEdits:
        """What is removed, and what stays, otherwise than it is found."""
        return PatternEdits.read(self.also_remove, self.keep_patterns)

    @property
    def pattern_search(self) -> dict[str, Any]:
        """How :func:`autoStructN2V.masking.find_patterns` is called."""
        switches = {name: self[name] for name in ("remove_periodic", "remove_stripes")}
        return {**switches, "edits": self.pattern_edits}

    @property
    def searched_ending(self) -> str | None:
        """Ending of the files that a folder is searched for; None: those of all formats."""
        return self.image_extension if "image_extension" in self.model_fields_set else None

    @property
    def is_along_time(self) -> bool:
        """Whether the network sees a frame of a movie with the ones before and after it."""
        return self.mode == "2.5D" and self.triplets_along == "time"

    @property
    def mode_text(self) -> str:
        """The mode in words, which names time where triplets are along it."""
        return f"{self.mode} along time" if self.is_along_time else self.mode

    @property
    def first_stage(self) -> FirstStageConfig:
        """Parameters of the first training: of N2V, or of stage 1."""
        return self.n2v if self.method == "n2v" else self.stage1

    @property
    def last_stage(self) -> int:
        """Number of the stage whose result is the final one."""
        return 1 if self.method == "n2v" or not self.run_stage2 else 2

    @property
    def keeps_kernel(self) -> bool:
        """Whether stage 2 is to have the kernel of the model that it goes on from."""
        return self.start_model is not None and self.keep_kernel and self.last_stage == 2

    @property
    def used_stages(self) -> list[StageConfig]:
        """Parameters of the stages that are trained, or imported and applied, in order."""
        imported = [self.stage1] if self.method == "autostructn2v" and self.stage1_model else []
        return imported + self.trained_stages

    @property
    def trained_stages(self) -> list[StageConfig]:
        """Parameters of the stages that this configuration trains, in order."""
        return list(self.stages_to_train.values())

    @property
    def stages_to_train(self) -> dict[int, StageConfig]:
        """Parameters of the stages that this configuration trains, by their numbers, in order."""
        if self.method == "n2v":
            return {1: self.n2v}
        stages: dict[int, StageConfig] = {}
        if self.run_stage1 and self.stage1_model is None:
            stages[1] = self.stage1
        if self.run_stage2:
            stages[2] = self.stage2
        return stages


def validate_config(config: Mapping[str, Any] | PipelineConfig) -> PipelineConfig:
    """Complete a configuration with preset and defaults.

    Parameters
    ----------
    config : mapping or PipelineConfig
        Nested dictionary; any field, also of a nested section, may be missing.

    Returns
    -------
    PipelineConfig
        Complete and immutable; its fields can be read as attributes or as items.

    Raises
    ------
    ConfigError
        Naming the field, the value and what is allowed.
    """
    if isinstance(config, PipelineConfig):
        return config
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"The configuration is {config!r:.100}; it must be a nested dictionary of fields."
        )
    try:
        return PipelineConfig.model_validate(dict(config))
    except ValidationError as error:
        raise ConfigError(explain(error.errors(), PipelineConfig, config)) from error

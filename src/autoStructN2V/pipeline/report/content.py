"""What a report says, section by section, ready for the template."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from autoStructN2V.masking.patterns.fourier.picture import places_of
from autoStructN2V.pipeline.configuration.of_preset import is_modified
from autoStructN2V.pipeline.report import pictures, plots, spectra
from autoStructN2V.pipeline.report.methods import MethodsText
from autoStructN2V.pipeline.report.record import shown_slices
from autoStructN2V.pipeline.report.settings import general_rows, stage_table, versions
from autoStructN2V.quantities import duration_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoStructN2V.inference.noise_report import StageReport
    from autoStructN2V.inference.verdict import Verdict
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.report.record import RunRecord, ShownSlice

_METHODS = {"n2v": "Noise2Void", "autostructn2v": "autoStructN2V"}
_STROKE = 0.2  # of half a spectrum: length of the marks of lines
_FILTER = "best Gaussian filter"


def content(record: RunRecord) -> dict[str, Any]:
    """Return everything that the template names.

    Parameters
    ----------
    record : RunRecord
        A run that is over.

    Returns
    -------
    dict
        Plain values, :class:`.Picture` and ``<svg>`` elements; a section without content is empty.
    """
    slices = shown_slices(record)
    methods = MethodsText(record)
    return {
        **_head(record),
        "figures": _figures(record),
        "slices": [_slice(one) for one in slices],
        "is_cut": any(one.is_cut for one in slices),
        "side": slices[0].noisy.shape[::-1] if slices else None,
        "patterns": _patterns(record, slices),
        "kernel": _kernel(record),
        "spectra": _spectra(record, slices),
        "losses": _losses(record),
        "errors": _errors(record.result.verdict),
        "stages": _stages(record),
        "notes": _notes(record),
        "settings": stage_table(record),
        "general": general_rows(record),
        "versions": versions(record),
        "methods": methods.text,
        "citations": methods.citations,
    }


def _head(record: RunRecord) -> dict[str, Any]:
    first, *others = record.noisy
    name = f"{first.name} and {len(others)} more" if others else first.name
    started = datetime.strptime(record.training_id[:15], "%Y%m%d-%H%M%S")
    return {
        "name": name,
        "method": f"{_METHODS[record.config.method]}, {record.config.mode_text}",
        "preset": _preset(record.config),
        "started": f"{started:%Y-%m-%d %H:%M}",
        "is_stopped": record.result.is_stopped,
        "verdict": _lead(record),
        "last": record.stage_name(max(record.denoised)) if record.denoised else "",
    }


def _preset(config: PipelineConfig) -> str:
    return config.preset.replace("_", " ") + (" (modified)" if is_modified(config) else "")


def _notes(record: RunRecord) -> list[str]:
    """Return what was told while it ran and is said nowhere else."""
    said = {_lead(record), record.removal.sentence}
    return [note for note in dict.fromkeys(record.messages) if note not in said]


def _lead(record: RunRecord) -> str:
    """Return the sentence that a reader sees first."""
    if record.result.verdict is not None:
        return record.result.verdict.sentence
    report = _last_report(record)
    if report is not None:
        return report.sentence
    return "The training was stopped before anything was denoised; its best model so far is kept."


def _last_report(record: RunRecord) -> StageReport | None:
    reports = [stage.report for _, stage in sorted(record.stages.items()) if stage.report]
    return reports[-1] if reports else None


def _figures(record: RunRecord) -> list[tuple[str, str]]:
    """Return the figures that sum up a run, each with what it is."""
    verdict, report = record.result.verdict, _last_report(record)
    found = []
    if verdict is not None:
        at_best = "at best " if verdict.is_open else ""
        gain = f"{at_best}{_signed(verdict.gain_db, 1)} dB"
        found.append((gain, f"against the best Gaussian filter ({verdict.filter_text})"))
    if report is not None:
        of = f"; {report.input_noise.std_text} was measured" if report.input_noise else ""
        meaning = f"standard deviation of the noise that was removed{of}"
        found.append((f"{report.removed_std:.3g}", meaning))
        if report.structured_noise_left is not None:
            left = percent_text(report.structured_noise_left)
            found.append((left, "of the structured noise is left"))
    if record.stages:
        n_hidden = record.stages[max(record.stages)].model.kernel.n_hidden
        found.append((f"{n_hidden} px", "hidden together: the kernel"))
    return [*found, (duration_text(record.seconds), "from start to end")]


def _slice(shown: ShownSlice) -> dict[str, Any]:
    limits = pictures.intensity_range(shown.denoised)
    removed = shown.removed
    return {
        "title": shown.title,
        "noisy": pictures.gray_picture(shown.noisy, limits),
        "denoised": pictures.gray_picture(shown.denoised, limits),
        "removed": pictures.gray_picture(removed, pictures.difference_range(removed)),
        "limits": tuple(f"{value:.4g}" for value in limits),
        "std": f"{float(removed.std()):.3g}",
    }


def _patterns(record: RunRecord, slices: Sequence[ShownSlice]) -> dict[str, Any] | None:
    patterns = record.removal.patterns
    if not patterns:
        return None
    rows = [
        (f"{pattern.noun}: {pattern.sentence}", percent_text(pattern.variance_share, 1))
        for pattern in patterns
    ]
    found: dict[str, Any] = {"rows": rows, "picture": None}
    if slices:
        shown = slices[len(slices) // 2]
        taken = shown.noisy - shown.without_patterns
        found["picture"] = pictures.gray_picture(taken, pictures.difference_range(taken))
        found["title"] = shown.title
    return found


def _noise(record: RunRecord) -> Autocorrelation | None:
    result = record.result
    if result.noise is not None:
        return result.noise
    return result.proposal.autocorrelation if result.proposal is not None else None


def _kernel(record: RunRecord) -> dict[str, Any] | None:
    if not record.stages:
        return None
    kernel, noise = record.stages[max(record.stages)].model.kernel, _noise(record)
    proposal = record.result.proposal
    advice = proposal.advice.messages if proposal is not None else ()
    # of the kernel stands its own sentence, which is another one if it was edited
    said = "" if proposal is None else proposal.kernel.description.sentence
    return {
        "plot": plots.kernel_plot(
            kernel,
            noise.values if noise is not None else None,
            along_time=record.config.is_along_time,
        ),
        "has_evidence": noise is not None,
        "sentence": kernel.description.sentence,
        "advice": [message for message in advice if said not in message],
        "is_edited": record.is_kernel_edited,
    }


def _spectra(record: RunRecord, slices: Sequence[ShownSlice]) -> dict[str, Any] | None:
    if not slices:
        return None
    named = {
        "noisy": [spectra.power(one.noisy) for one in slices],
        "removed": [spectra.power(one.removed) for one in slices],
        "denoised": [spectra.power(one.denoised) for one in slices],
    }
    noise = _noise(record)
    is_known = noise is not None and noise.is_strength_known
    is_known &= record.stages[max(record.denoised)].model.grid_share == 1.0
    middle = len(slices) // 2
    limits = pictures.spectrum_range(named["noisy"][middle])
    return {
        "plot": plots.spectra_plot(
            spectra.frequencies(),
            {name: spectra.radial_mean(powers) for name, powers in named.items()},
            spectra.noise_power(noise) if noise is not None and is_known else None,
        ),
        "pictures": {
            name: pictures.spectrum_picture(powers[middle], limits)
            for name, powers in named.items()
        },
        "marks": _marks(record.removal),
        "title": slices[middle].title,
        "has_expected": is_known,
    }


def _marks(removal: PatternRemoval) -> list[dict[str, Any]]:
    """Return where patterns lie in a picture of a spectrum, in percent of its sides."""
    found = []
    for pattern in removal.all_patterns:
        is_removed = pattern in removal.patterns
        state = "Removed first" if is_removed else "Left in the images"
        is_line = pattern.lines is not None
        # of lines only the ends, so that what lies under them is seen
        inwards = (1.0, 1.0 - _STROKE) if is_line else (1.0,)
        places = [[s * f for s in inwards for f in place] for place in places_of(pattern)]
        found.append(
            {
                "places": [[f"{100 * (f + 0.5):.2f}%" for f in place] for place in places],
                "is_line": is_line,
                "is_removed": is_removed,
                "sentence": f"{state}: {pattern.sentence}.",
            }
        )
    return found


def _losses(record: RunRecord) -> list[dict[str, str]]:
    return [
        {
            "title": record.stage_name(number),
            "plot": plots.loss_plot(stage.history, str(number)),
            "best": f"{min(event.val_loss for event in stage.history):.4f}",
            "epochs": f"{len(stage.history)} of at most {stage.history[-1].n_epochs} epochs",
        }
        for number, stage in sorted(record.stages.items())
        if stage.history
    ]


def _errors(verdict: Verdict | None) -> list[dict[str, Any]]:
    """Return the estimated errors, the smallest first, each with the length of its bar in %."""
    if verdict is None:
        return []
    names = {"gaussian": f"{_FILTER} ({verdict.filter_text})"}
    shown = {name: max(error, 0.0) for name, error in verdict.errors.items()}
    longest = max(*shown.values(), 1e-12)
    return [
        {
            "name": names.get(name, name)[:1].upper() + names.get(name, name)[1:],
            "text": percent_text(error, 1),
            "length": f"{100 * error / longest:.1f}",
            "is_best": name == verdict.best,
        }
        for name, error in sorted(shown.items(), key=lambda item: item[1])
    ]


def _stages(record: RunRecord) -> list[dict[str, Any]]:
    """Return what each stage that came to its end says of the noise."""
    return [
        {
            "name": record.stage_name(number),
            "sentence": stage.report.sentence,
            "removed": _texts(stage.report.removed_autocorrelation),
            "noise": _texts(stage.report.input_noise.autocorrelation)
            if stage.report.input_noise
            else None,
        }
        for number, stage in sorted(record.stages.items())
        if stage.report is not None
    ]


def _texts(autocorrelation: Mapping[str, float]) -> dict[str, str]:
    return {lag: _signed(value, 2) for lag, value in autocorrelation.items()}


def _signed(value: float, n_decimals: int) -> str:
    # z: what rounds to zero is no minus zero
    return f"{value:+z.{n_decimals}f}".replace("-", "\N{MINUS SIGN}")

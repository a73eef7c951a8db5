"""What the measured noise means for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoStructN2V.masking.kernels.config import MOST_KERNEL_PIXELS
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.limits import NOISE_LIMITS
from autoStructN2V.masking.noise.resolution import recorded_share
from autoStructN2V.masking.patterns.pattern import Pattern
from autoStructN2V.vocabulary import Method


@dataclass(frozen=True)
class Advice:
    """What the measurement means for the person.

    Attributes
    ----------
    found : bool
        Whether structured noise was found that a kernel can hide.
    recommended_method : {'n2v', 'autostructn2v'}
    about_noise : tuple of str
        Plain sentences about the noise that a kernel can hide, the most important first.
    about_patterns : tuple of str
        Plain sentences about patterns that no kernel can hide.
    """

    found: bool
    recommended_method: Method
    about_noise: tuple[str, ...]
    about_patterns: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """All sentences, those about patterns first."""
        return self.about_patterns + self.about_noise

    @property
    def settings(self) -> dict[str, object]:
        """Fields of a configuration that follow from what was found."""
        stage2 = {"run_stage2": True} if self.found else {}
        return {"method": self.recommended_method, **stage2}

    @property
    def message(self) -> str:
        """All messages as one text."""
        return " ".join(self.messages)


def advise(
    kernel: Kernel,
    autocorrelation: Autocorrelation,
    periodic_patterns: Sequence[Pattern] = (),
    n_cut: int = 0,
) -> Advice:
    """Say in plain words what was found and which method fits.

    Parameters
    ----------
    kernel : Kernel
        What was found.
    autocorrelation : Autocorrelation
        What it was found in.
    periodic_patterns : sequence of Pattern
        Patterns to name.
    n_cut : int
        Pixels that share noise but exceeded the limit on masked pixels.

    Returns
    -------
    Advice
    """
    found = kernel.n_hidden > 1
    is_unsure = autocorrelation.resembles_structure
    about_patterns = tuple(_about_pattern(pattern) for pattern in periodic_patterns)
    messages = [_about_kernel(kernel, is_unsure=is_unsure, is_other=bool(periodic_patterns))]
    messages += _about_resolution(autocorrelation)
    if n_cut:
        messages.append(
            f"{n_cut} more pixels share noise than Max masked pixels (max_true_pixels, at "
            f"most {MOST_KERNEL_PIXELS}) allows; without a refinement some structured noise may "
            "remain."
        )
    if is_unsure:
        messages.append(
            "The images have hardly any background, so correlation that is equal in all "
            "directions cannot be told from structure and was left out; check the kernel by eye."
        )
    method: Method = "autostructn2v" if found else "n2v"
    return Advice(found, method, tuple(messages), about_patterns)


def _about_kernel(kernel: Kernel, *, is_unsure: bool, is_other: bool) -> str:
    """Say what shares noise, apart from patterns where there are some."""
    nothing = f"No {'other ' if is_other else ''}structured noise found"
    if kernel.n_hidden > 1:
        return f"Structured noise found: the proposed kernel {kernel.description.sentence}."
    if is_unsure:
        return f"{nothing} that differs between directions."
    return (
        f"{nothing}: the noise of neighboring pixels is independent, so the kernel is the "
        "center alone and Noise2Void is enough."
    )


def _about_resolution(autocorrelation: Autocorrelation) -> list[str]:
    """Say that a training would work on a coarser grid, whose kernel is another one."""
    share = recorded_share(autocorrelation)
    if share > NOISE_LIMITS.resolution.finest:
        return []
    return [
        "The images were enlarged or filtered after they were recorded. A training works on a grid "
        f"of about {share:.0%} of their rows and columns and finds its own, smaller kernel there "
        "(Work at the recorded resolution); a kernel from a file keeps the grid of the images."
    ]


def _about_pattern(pattern: Pattern) -> str:
    """Say what is to be done about a pattern that no kernel can hide."""
    return (
        f"A {pattern.noun} was found ({pattern.sentence}); no kernel can hide it, because it can "
        f"be predicted from far away. Training removes it first, unless {pattern.switch} is off or "
        "Keep patterns names it."
    )

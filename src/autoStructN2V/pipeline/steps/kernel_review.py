"""A kernel is proposed, and a person decides about it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from autoStructN2V.errors import InputError, KernelError
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline.decisions import Approve, Decision, Regenerate, Skip
from autoStructN2V.pipeline.events import AwaitingDecision, Event, KernelProposed
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement

_POLL_SECONDS = 0.05


def decide_kernel(
    noise: NoiseMeasurement, should_stop: Callable[[], bool], *, waits: bool
) -> Generator[Event, Decision | None, tuple[Kernel | None, KernelProposal | None]]:
    """Propose a kernel until one is approved, or none is wanted.

    Parameters
    ----------
    noise : NoiseMeasurement
        Where proposals come from.
    should_stop : callable
        True ends the review.
    waits : bool
        Whether to wait for a decision. Otherwise no decision approves the proposal.

    Yields
    ------
    KernelProposed, AwaitingDecision, Warned
        A decision may be sent in answer to the first two.

    Returns
    -------
    kernel : Kernel or None
        None if there is none, or it was skipped.
    proposal : KernelProposal or None
        The last one.
    """
    extractor = noise.configured
    try:
        proposal = noise.evidence(extractor).propose(extractor)
    except InputError as error:
        yield Warned(f"{error} Stage 2 was left out.")
        return None, None
    while not should_stop():
        decision = yield from _decision(proposal, should_stop, waits=waits)
        if isinstance(decision, Skip) or should_stop():
            break
        if isinstance(decision, Regenerate):
            extractor = decision.extractor
            proposal = noise.evidence(extractor).propose(extractor)
            continue
        edited = decision.kernel if isinstance(decision, Approve) else None
        if edited is None:
            return proposal.kernel, proposal
        try:
            return _on_grid(edited, noise), proposal
        except KernelError as error:
            yield Warned(str(error))
    return None, proposal


def _on_grid(edited: object, noise: NoiseMeasurement) -> Kernel:
    """Return a kernel that is for the grid that is worked on; an array is drawn on it."""
    kernel = Kernel.from_array(edited, noise.mode)
    if not isinstance(edited, Kernel):
        return replace(kernel, grid_share=noise.grid.share)
    kernel.require_grid(noise.grid.share)
    return kernel


def _decision(
    proposal: KernelProposal, should_stop: Callable[[], bool], *, waits: bool
) -> Generator[Event, Decision | None, Decision | None]:
    decision = yield KernelProposed(proposal)
    while decision is None and waits and not should_stop():
        time.sleep(_POLL_SECONDS)
        decision = yield AwaitingDecision()
    return decision

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
    from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement

_POLL_SECONDS = 0.05


def decide_kernel(
    noise: NoiseMeasurement,
    should_stop: Callable[[], bool],
    *,
    waits: bool,
    checkpoints: RunCheckpoints | None = None,
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
    checkpoints : RunCheckpoints, optional
        Keep the decision; one that was made before a crash is not asked for again.

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
    decided = checkpoints.decision(noise.mode) if checkpoints is not None else None
    extractor = noise.configured if decided is None else decided.extractor
    try:
        proposal = noise.evidence(extractor).propose(extractor)
    except InputError as error:
        yield Warned(f"{error} So stage 2 was not trained.")
        return None, None
    if decided is not None:
        yield KernelProposed(proposal, is_decided=True)
        cells = decided.kernel
        return None if cells is None else _on_grid(cells.to_array(), noise), proposal

    while not should_stop():
        decision = yield from _decision(proposal, should_stop, waits=waits)
        if should_stop():
            break
        if isinstance(decision, Regenerate):
            extractor = decision.extractor
            proposal = noise.evidence(extractor).propose(extractor)
            continue
        try:
            kernel = _decided(decision, proposal, noise)
        except KernelError as error:
            yield Warned(str(error))
            continue
        if checkpoints is not None:
            checkpoints.keep_decision(kernel, extractor)
        return kernel, proposal
    return None, proposal


def _decided(
    decision: Approve | Skip | None, proposal: KernelProposal, noise: NoiseMeasurement
) -> Kernel | None:
    """Return the kernel that was decided for; None to end here."""
    if isinstance(decision, Skip):
        return None
    edited = None if decision is None else decision.kernel
    return proposal.kernel if edited is None else _on_grid(edited, noise)


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

"""Which trainings begin with the weights of the package, and how large their steps are."""

from types import SimpleNamespace

import pytest

from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models.head_start import GENTLY
from autoStructN2V.pipeline import validate_config
from autoStructN2V.pipeline.steps.head_starts import HeadStarts
from autoStructN2V.trainers.trainer import build_network
from tests.core.conftest import horizontal

CENTER = Kernel.center_only("2D", 1)


class Noise:
    """What is known of noise that neighbors share, or do not."""

    configured = None

    def __init__(self, *, is_shared):
        advice = SimpleNamespace(found=is_shared)
        self._evidence = SimpleNamespace(propose=lambda _: SimpleNamespace(advice=advice))

    def reported(self):
        return self._evidence


def head_starts(*, is_shared=False, start=None, **fields):
    return HeadStarts(
        validate_config({"preset": "fast", **fields}), Noise(is_shared=is_shared), start
    )


def continued(stage, *, has_head_start):
    return SimpleNamespace(
        models={stage: None}, has_head_start=lambda one: has_head_start and one == stage
    )


@pytest.mark.parametrize(
    ("stage", "kernel", "fields", "may"),
    [
        (1, CENTER, {}, False),
        (2, horizontal(), {"is_shared": True}, True),
        (2, CENTER, {}, True),
        (2, CENTER, {"is_shared": True}, False),
        (1, CENTER, {"method": "n2v"}, True),
        (1, CENTER, {"method": "n2v", "is_shared": True}, False),
        (2, CENTER, {"head_start": False}, False),
        (2, CENTER, {"stage2": {"features": 64}}, False),
        (2, CENTER, {"start": continued(2, has_head_start=True)}, False),
        (2, CENTER, {"start": continued(1, has_head_start=True)}, True),
    ],
)
def test_who_may_begin_there(stage, kernel, fields, may):
    assert head_starts(**fields).may_be_given(stage, kernel) is may


@pytest.mark.parametrize(("refinement", "rate"), [(0.7, GENTLY), (0.0, 1.0)])
def test_steps_are_small_where_a_refinement_follows(refinement, rate):
    starts = head_starts(stage2={"refinement": refinement})
    stage = starts.config.stage2
    assert starts.hidden_rate(2, stage) == 1.0, "it begins at random"
    starts.give(2, build_network(stage, 1, 0))
    assert starts.has(2) and not starts.has(1)
    assert starts.hidden_rate(2, stage) == rate


@pytest.mark.parametrize("has_head_start", [True, False])
def test_a_model_that_is_gone_on_from_had_its_own(has_head_start):
    starts = head_starts(start=continued(2, has_head_start=has_head_start))
    assert starts.has(2) is has_head_start
    assert starts.hidden_rate(2, starts.config.stage2) == (GENTLY if has_head_start else 1.0)

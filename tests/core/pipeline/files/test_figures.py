"""Pictures: kernels and comparisons are drawn whatever their size."""

import numpy as np
import pytest

from autoStructN2V.masking import Kernel, LineOffsets, PatternRemoval, Sinusoid
from autoStructN2V.masking.patterns.spectrum import spectrum_of
from autoStructN2V.pipeline.files.figures import draw_evidence, draw_kernel, draw_panels

RED, BLACK, BLUE = (214, 69, 65), (20, 20, 20), (66, 135, 214)


def count(image, color):
    return int((np.asarray(image) == color).all(-1).sum())


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (31, 31), (3, 5, 5)])
@pytest.mark.parametrize("evidence_size", [None, 5, 31])
def test_hidden_pixels_are_outlined_and_the_center_is_black(shape, evidence_size):
    kernel = Kernel.from_array(np.ones(shape, bool))
    evidence = None
    if evidence_size is not None:
        evidence = np.full((kernel.n_slices, evidence_size, evidence_size), 0.5)
    image = draw_kernel(kernel, evidence)
    assert count(image, BLACK) > 100
    assert (count(image, RED) > 0) == (kernel.n_hidden > 1)


def test_the_picture_has_image_orientation():
    kernel = Kernel.from_array([[0, 0, 1, 0, 1]])  # right of the center
    red = np.argwhere((np.asarray(draw_kernel(kernel)) == RED).all(-1)).mean(0)
    black = np.argwhere((np.asarray(draw_kernel(kernel)) == BLACK).all(-1)).mean(0)
    assert red[1] > black[1] + 40
    assert red[0] == pytest.approx(black[0], abs=2)


def test_stronger_evidence_is_darker():
    evidence = np.zeros((1, 3, 3))
    evidence[0, 0, 0], evidence[0, 2, 2] = 1.0, 0.2
    kernel = Kernel.from_array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    gray = np.asarray(draw_kernel(kernel, evidence).convert("L")).astype(int)
    first = gray[26:54, 16:44].mean()
    last = gray[26 + 56 : 54 + 56, 16 + 56 : 44 + 56].mean()
    assert first < last


@pytest.mark.parametrize("side", [32, 64, 700])
def test_the_spectrum_beside_the_kernel_marks_what_is_removed_and_what_stays(side):
    noise = np.random.default_rng(0).standard_normal((1, side, side))
    wave, columns = Sinusoid(4.0, 45.0, 1.0, 0.1), LineOffsets("columns", 1.0, 0.1)
    removal = PatternRemoval((wave,), (columns,), spectrum=spectrum_of([noise]))
    kernel = Kernel.from_array([[1]])
    alone = draw_kernel(kernel)
    pixels = np.asarray(draw_evidence(kernel, None, removal))[:, alone.width :]
    red, blue = (np.argwhere((pixels == color).all(-1)) for color in (RED, BLUE))
    assert len(red) and len(blue)
    # the waves lie on the falling diagonal, what is constant along y on the middle row
    middle = (red.min(0) + red.max(0)) / 2
    assert np.polyfit(*(red - middle).T, 1)[0] > 0.5
    assert np.ptp(blue[:, 0]) < 4 and np.ptp(blue[:, 1]) > 200


def test_images_without_a_spectrum_have_the_kernel_alone():
    kernel = Kernel.from_array([[1]])
    for removal in (None, PatternRemoval()):
        assert draw_evidence(kernel, None, removal).size == draw_kernel(kernel).size


@pytest.mark.parametrize("shape", [(30, 40), (500, 300), (1, 7)])
def test_panels_are_as_wide_as_their_images(shape):
    rng = np.random.default_rng(0)
    panels = [(name, rng.random(shape).astype(np.float32)) for name in ("noisy", "clean")]
    image = draw_panels(panels)
    assert image.width > 2 * shape[1]
    assert image.height > shape[0]


def test_constant_panels_do_not_fail():
    draw_panels([("a", np.zeros((8, 8), np.float32)), ("b", np.ones((8, 8), np.float32))])

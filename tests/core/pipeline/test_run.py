"""The pipeline in memory: every way to run it, the review of the kernel, cancelling, and units."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.datasets import ArraySource, make_sample
from autoStructN2V.errors import DeviceError, InputError, KernelError, ModelError
from autoStructN2V.inference import Predictor, doubt_of
from autoStructN2V.masking.kernels import evidence
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models import device
from autoStructN2V.pipeline import (
    Approve,
    ArraySink,
    Regenerate,
    Skip,
    finish,
    job,
    pipeline_events,
    validate_config,
)
from autoStructN2V.pipeline.steps import kernel_review, measuring, training_data
from autoStructN2V.trainers import (
    AwaitingDecision,
    BatchFinished,
    EpochFinished,
    ImagesRead,
    Judged,
    KernelProposed,
    PredictionProgress,
    Preview,
    StageFinished,
    StagesCompared,
    StageStarted,
    StageTrained,
    Trainer,
    Warned,
    save_model,
)
from tests.core.conftest import MEASURED, horizontal, noisy_lines, tiny

NOISY = noisy_lines()
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quick_review(monkeypatch):
    monkeypatch.setattr(kernel_review, "_POLL_SECONDS", 0.001)


def drive(images, config, answers=(), **options):
    """Run to the end, answering each proposed kernel; return the events and the result."""
    events, answers, answer = [], list(answers), None
    generator = pipeline_events(images, config, **options)
    while True:
        try:
            event = generator.send(answer)
        except StopIteration as end:
            return events, end.value
        events.append(event)
        is_question = isinstance(event, KernelProposed)
        answer = answers.pop(0) if is_question and answers else None


def kinds(events):
    """Return the kinds of events in order, repetitions and timing left out."""
    shown = [
        e
        for e in events
        if not isinstance(e, BatchFinished | ImagesRead | PredictionProgress | Warned)
    ]
    return [type(e).__name__ for e in shown]


STAGE = ["StageStarted", "EpochFinished", "StageTrained", "StageFinished"]


def test_both_stages():
    events, result = drive(NOISY, tiny())
    assert kinds(events) == [*STAGE, "KernelProposed", *STAGE, "StagesCompared", "Judged"]
    assert result.stage1.model.stage == 1
    assert result.stage2.model.stage == 2
    assert result.last_stage is result.stage2
    assert result.kernel == result.proposal.kernel
    assert not result.is_stopped
    for stage in (result.stage1, result.stage2):
        assert stage.denoised[0].shape == NOISY.shape
        assert stage.denoised[0].dtype == np.float32
        assert len(stage.history) == 1


def test_it_is_said_where_a_result_is_to_be_doubted():
    events, result = drive(NOISY, tiny(method="n2v"))
    (finished,) = [event for event in events if isinstance(event, StageFinished)]
    assert 0.0 <= finished.report.doubtful_area <= 1.0
    assert "of the area, clearly more than noise was removed" in finished.report.sentence
    source, denoised = ArraySource(NOISY), result.stage1.denoised[0]
    prepared = finished.doubt.prepared(source)
    doubt = doubt_of(NOISY[1], denoised[1], finished.doubt.noise)
    np.testing.assert_array_equal(finished.doubt.of_slice(prepared, 1, denoised[1]), doubt.map)


def test_n2v_alone():
    events, result = drive(NOISY, tiny(method="n2v"))
    assert kinds(events) == [*STAGE, "Judged"]
    assert result.stage1.model.method == "n2v"
    assert result.stage2 is result.kernel is result.proposal is None


def test_stage_1_alone():
    events, result = drive(NOISY, tiny(run_stage2=False))
    assert kinds(events) == [*STAGE, "Judged"]
    assert result.stage2 is None


def test_stage_2_with_a_kernel_file(tmp_path):
    path = horizontal(7).save(tmp_path / "k.npy")
    stage2 = {"mask_source": "file", "mask_file_path": path}
    events, result = drive(NOISY, tiny(run_stage1=False, stage2=stage2))
    assert kinds(events) == [*STAGE, "Judged"]
    assert result.stage1 is result.proposal is None
    assert result.kernel == horizontal(7)
    assert result.stage2.model.kernel == horizontal(7)


def test_stage_2_with_direct_extraction():
    events, result = drive(NOISY, tiny(run_stage1=False, stage2={"mask_source": "extractor"}))
    assert kinds(events) == ["KernelProposed", *STAGE, "Judged"]
    assert result.stage1 is None
    assert result.proposal is not None


def test_both_stages_with_a_kernel_file(tmp_path):
    path = horizontal(3).save(tmp_path / "k.npy")
    stage2 = {"mask_source": "file", "mask_file_path": path}
    events, result = drive(NOISY, tiny(stage2=stage2))
    assert kinds(events) == [*STAGE, *STAGE, "StagesCompared", "Judged"]
    assert result.kernel == horizontal(3)


@pytest.fixture(scope="module")
def stage1_file(tmp_path_factory):
    _, result = drive(NOISY, tiny(run_stage2=False))
    path = tmp_path_factory.mktemp("model") / "stage1_model.pth"
    save_model(path, result.stage1.model)
    return path, result.stage1.denoised[0]


@pytest.mark.parametrize("run_stage2", [True, False])
def test_an_imported_stage_1_is_applied_and_not_trained(stage1_file, run_stage2):
    path, denoised = stage1_file
    events, result = drive(NOISY, tiny(stage1_model=path, run_stage2=run_stage2))
    assert kinds(events)[:2] == ["StageTrained", "StageFinished"]
    assert [e.stage for e in events if isinstance(e, StageStarted)] == [2] * run_stage2
    assert np.array_equal(result.stage1.denoised[0], denoised)
    assert (result.stage2 is not None) == run_stage2


@pytest.mark.parametrize(("second_loss", "is_warned"), [(0.4, False), (0.6, True)])
def test_a_stage_2_that_is_not_better_is_told(monkeypatch, second_loss, is_warned):
    kernels = []

    def loss(self, network, kernel, config):
        kernels.append(kernel)
        return second_loss if len(kernels) == 4 else 0.5  # two reports, then both stages

    monkeypatch.setattr(training_data.RunPixels, "held_out_loss", loss)
    events, result = drive(NOISY, tiny())
    (compared,) = (event.comparison for event in events if isinstance(event, StagesCompared))
    assert compared is result.comparison
    assert (compared.stage1_loss, compared.stage2_loss) == (0.5, second_loss)
    assert kernels[2] == result.stage2.model.kernel  # both under that of stage 2
    assert kernels[3] == result.stage2.model.kernel
    said = [event.message for event in events if isinstance(event, Warned)]
    assert (compared.sentence in said) is is_warned


def test_a_training_that_is_too_short_is_told_that_a_filter_is_better():
    """Two tiny epochs are worse than a Gaussian filter, and that is said."""
    events, result = drive(NOISY, tiny(method="n2v"))
    assert result.verdict.loses_to_gaussian
    assert result.verdict.sentence in [e.message for e in events if isinstance(e, Warned)]


@pytest.mark.parametrize(("n_slices", "is_learned"), [(1, True), (8, False)])
def test_a_verdict_knows_whether_pixels_were_held_out(n_slices, is_learned):
    images = make_sample("random", seed=0, shape=(n_slices, 96, 96)).noisy
    _, result = drive(images, tiny(method="n2v", n2v={"patch_size": 64}))
    assert result.verdict.is_learned is is_learned


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_verdict_knows_whether_patterns_were_removed(is_removed):
    images = make_sample("periodic", seed=0, shape=(4, 96, 96)).noisy
    _, result = drive(images, tiny(method="n2v", remove_periodic=is_removed))
    assert result.verdict.is_without_patterns is is_removed


def test_an_imported_model_of_the_other_mode_is_refused(stage1_file):
    with pytest.raises(ModelError, match=r"trained in 2D mode but 2\.5D is configured"):
        drive(noisy_lines((20, 32, 32)), tiny(stage1_model=stage1_file[0], mode="2.5D"))


def test_an_imported_model_warns_of_other_intensities(stage1_file):
    events, result = drive(100 * NOISY, tiny(stage1_model=stage1_file[0], run_stage2=False))
    said = [e.message for e in events if isinstance(e, Warned)]
    judged = result.verdict.sentence if result.verdict else None
    (warning,) = [message for message in said if message != judged]
    assert "the result may be wrong" in warning


def test_2_5d_has_kernels_of_three_slices_and_as_many_slices_as_the_input():
    noisy = noisy_lines((20, 32, 32))
    _, result = drive(noisy, tiny(mode="2.5D"))
    assert result.kernel.n_slices == 3
    assert result.stage2.model.kernel.n_slices == 3
    assert result.stage2.denoised[0].shape == noisy.shape
    assert all(np.isfinite(stage.denoised[0]).all() for stage in (result.stage1, result.stage2))


# review of the kernel


def test_approval_of_the_proposal():
    _, result = drive(NOISY, tiny(), [Approve()], review=True)
    assert result.kernel == result.proposal.kernel
    assert result.stage2 is not None


def test_approval_of_an_edited_kernel():
    """As an array in the documented form, and as a kernel."""
    edited = np.eye(5, dtype=bool)
    for given in (edited, Kernel.from_array(edited)):
        _, result = drive(NOISY, tiny(), [Approve(given)], review=True)
        assert result.kernel == result.stage2.model.kernel == Kernel.from_array(edited)


def test_regeneration_proposes_again():
    answers = [
        Regenerate(ExtractorConfig(center_size=7, grow_window=False)),
        Regenerate(ExtractorConfig(center_size=15, grow_window=False, norm_autocorr=False)),
        Approve(),
    ]
    events, result = drive(NOISY, tiny(), answers, review=True)
    proposals = [e.proposal for e in events if isinstance(e, KernelProposed)]
    assert len(proposals) == 3
    assert proposals[1].kernel.middle.shape == (7, 7)
    assert proposals[2].kernel.middle.shape == (15, 15)
    assert proposals[2].autocorrelation is not proposals[1].autocorrelation, "it needs measuring"
    assert result.proposal is proposals[2]
    assert result.kernel == proposals[2].kernel


def test_skipping_ends_after_stage_1():
    events, result = drive(NOISY, tiny(), [Skip()], review=True)
    assert kinds(events) == [*STAGE, "KernelProposed", "Judged"]  # what there is, is judged
    assert result.stage2 is result.kernel is None
    assert result.proposal is not None
    assert not result.is_stopped


def test_an_impossible_kernel_costs_nothing_but_a_word():
    answers = [Approve(np.ones((4, 4), bool)), Approve(horizontal(3))]
    events, result = drive(NOISY, tiny(), answers, review=True)
    said = [e.message for e in events if isinstance(e, Warned)]
    assert sum("must be odd" in message for message in said) == 1
    assert result.kernel == horizontal(3)
    assert result.stage2 is not None


def test_the_review_waits_for_its_answer():
    config = tiny(run_stage1=False, stage2={"mask_source": "extractor"})
    generator = pipeline_events(NOISY, config, review=True)
    event = next(generator)
    while not isinstance(event, KernelProposed):
        event = next(generator)
    for _ in range(5):
        assert isinstance(next(generator), AwaitingDecision)
    with pytest.raises(StopIteration):
        generator.send(Skip())


def test_without_review_nobody_waits():
    events, _ = drive(NOISY, tiny())
    assert not any(isinstance(e, AwaitingDecision) for e in events)


# cancelling


def cancel_at(is_reached, config, images=NOISY, **options):
    """Stop as soon as ``is_reached(event)``; return the events that came after, and the result."""
    seen, state = [], {"stop": False}
    generator = pipeline_events(images, config, should_stop=lambda: state["stop"], **options)
    while True:
        try:
            event = next(generator)
        except StopIteration as end:
            return seen, end.value
        if state["stop"]:
            seen.append(event)
        state["stop"] = state["stop"] or is_reached(event)


LONG = tiny(num_epochs=1000, early_stopping=False)


def in_stage(kind, stage):
    return lambda event: isinstance(event, kind) and event.stage == stage


def test_cancel_in_stage_1_keeps_its_best_model():
    after, result = cancel_at(in_stage(EpochFinished, 1), LONG)
    assert kinds(after) == ["StageTrained", "StageFinished"]
    assert len(after) == 2
    assert result.is_stopped
    assert result.stage1.model.provenance["is_stopped"]
    assert result.stage1.denoised is result.stage1.report is result.stage2 is None
    assert len(result.stage1.history) == 1


def test_cancel_while_the_kernel_waits():
    after, result = cancel_at(lambda e: isinstance(e, AwaitingDecision), tiny(), review=True)
    assert after == []
    assert result.is_stopped
    assert result.stage1.denoised is not None
    assert result.stage2 is None


def test_cancel_in_stage_2_keeps_the_results_of_stage_1():
    config = tiny(num_epochs=2)
    after, result = cancel_at(in_stage(EpochFinished, 2), config)
    assert len(after) <= 3
    assert result.is_stopped
    assert result.stage1.denoised is not None
    assert result.stage2.model is not None
    assert result.stage2.denoised is None


@pytest.mark.parametrize("stage", [1, 2])
def test_cancel_while_denoising_drops_the_unfinished_stack(stage):
    sink = ArraySink()
    after, result = cancel_at(in_stage(PredictionProgress, stage), tiny(), sink=sink)
    assert [type(e) for e in after] == [StageFinished]
    assert after[0].is_stopped
    assert sink.arrays(stage) is None
    assert result.is_stopped
    assert (result.stage1.denoised is None) == (stage == 1)


def test_cancel_before_the_start():
    events, result = drive(NOISY, tiny(), should_stop=lambda: True)
    assert events == []
    assert result.is_stopped
    assert result.stage1 is None


def test_a_dropped_generator_ends_quietly():
    generator = pipeline_events(NOISY, LONG)
    next(generator)
    generator.close()


# images in and out


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", ">u2"])
def test_intensities_keep_their_unit_and_the_input_its_values(dtype):
    noisy = (1000 * (dtype != "uint8") + 100 + 20 * NOISY).astype(dtype)
    before = noisy.copy()
    noisy.flags.writeable = False
    _, result = drive(noisy, tiny(method="n2v", n2v={"steps_per_epoch": 8}))
    (denoised,) = result.stage1.denoised
    assert denoised.dtype == np.float32
    assert np.array_equal(noisy, before)
    assert denoised.mean() == pytest.approx(noisy.mean(), abs=1.5 * float(noisy.std()))
    assert denoised.std() < 3 * noisy.std()


def test_results_scale_with_the_input_and_are_not_clipped():
    """The same image in other units gives the same result in these units."""
    config = tiny(method="n2v", n2v={"steps_per_epoch": 5})
    (plain,), (other,) = (
        drive(image.astype(np.float64), config)[1].stage1.denoised
        for image in (NOISY, 5000.0 * NOISY - 30_000.0)
    )
    assert np.allclose((other + 30_000) / 5000, plain, atol=0.02)
    assert other.min() < -30_000


def test_lists_of_images_of_several_sizes():
    images = [noisy_lines((2, 48, 40)), noisy_lines((1, 32, 64)), noisy_lines((1, 40, 40))[0]]
    _, result = drive(images, tiny())
    assert [d.shape for d in result.stage2.denoised] == [(2, 48, 40), (1, 32, 64), (1, 40, 40)]
    mixed = [ArraySource(images[0], "named"), images[1]]
    _, result = drive(mixed, tiny(method="n2v"))
    assert result.stage1.model.provenance["images"] == ["named", "image"]


def test_a_single_image():
    _, result = drive(NOISY[0], tiny(method="n2v"))
    assert result.stage1.denoised[0].shape == (1, 48, 48)


def test_no_image_at_all():
    with pytest.raises(InputError, match="No image was given; at least one is needed"):
        drive([], tiny())


@pytest.mark.parametrize("side", [8, 12, 17])
def test_images_just_as_large_as_a_patch(side):
    noisy = noisy_lines((2, side, side + 3))
    sizes = {"patch_size": 8}
    events, result = drive(noisy, tiny(n2v=sizes, stage1=sizes, stage2=sizes))
    assert result.stage1.denoised[0].shape == noisy.shape
    told = " ".join(event.message for event in events if isinstance(event, Warned))
    assert (result.stage2 is None) == ("stage 2 was not trained" in told)


# the rest of the contract


def test_the_same_seed_gives_the_same_result_bit_for_bit():
    results = []
    for seed in (7, 7, 8):
        MEASURED.clear()
        results.append(drive(NOISY, tiny(random_seed=seed))[1].stage2.denoised[0])
    first, second, other = results
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_previews_show_the_watched_slice_in_input_units():
    noisy = 1000 + 100 * NOISY
    events, _ = drive(noisy, tiny(num_epochs=2), preview_slice=lambda: 1)
    previews = [e for e in events if isinstance(e, Preview)]
    assert {e.stage for e in previews} == {1, 2}
    assert all(e.slice_index == 1 and e.image.shape == (48, 48) for e in previews)
    assert all(500 < e.image.mean() < 1500 for e in previews)


def test_progress_runs_from_the_first_to_the_last_tile():
    events, _ = drive([NOISY, NOISY[:1]], tiny())
    for stage in (1, 2):
        done = [e for e in events if isinstance(e, PredictionProgress) and e.stage == stage]
        assert [e.n_done for e in done] == [1, 2, 3, 4]
        assert {e.n_tiles for e in done} == {4}
        assert done[-1].eta_seconds == 0


def test_stage_events_tell_what_a_person_wants_to_know():
    events, _ = drive(NOISY, tiny())
    started = [e for e in events if isinstance(e, StageStarted)]
    assert [(e.stage, e.n_epochs, e.device) for e in started] == [(1, 1, "cpu"), (2, 1, "cpu")]
    assert all(e.n_parameters > 1000 for e in started)
    for event in (e for e in events if isinstance(e, StageFinished)):
        report = event.report
        assert report.removed_std > 0
        assert report.masked_loss > 0
        assert set(report.removed_autocorrelation) == {"x1", "x2", "y1", "y2"}
        assert report.structured_noise_left is None or 0 <= report.structured_noise_left <= 1


def test_the_comparison_knows_where_noise_and_structure_are_alike(tmp_path):
    """Structure everywhere: what neighbors share may be either."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(0, 4, (3, 64, 64)), (0, 1.2, 1.2))
    dense = (texture + rng.normal(0, 0.1, texture.shape)).astype(np.float32)
    Kernel.center_only(size=3).save(tmp_path / "square.npy")
    stage2 = {"mask_source": "file", "mask_file_path": tmp_path / "square.npy"}
    for images, is_known in ((dense, False), (NOISY, True)):
        _, result = drive(images, tiny(stage2=stage2))
        assert result.comparison.is_noise_known is is_known
        assert result.stage2.report.input_noise.is_upper_limit is not is_known


def test_images_too_small_to_measure_have_a_report_without_their_noise():
    _, result = drive(NOISY[:1, :16, :16], tiny(method="n2v"))
    report = result.stage1.report
    assert report.input_noise is None
    assert "could not be measured" in report.sentence


@pytest.mark.parametrize(
    ("images", "why"),
    [
        (np.random.default_rng(0).poisson(0.03, (3, 64, 64)), "mostly zero"),
        (make_sample("random", seed=0, shape=(8, 47, 128)).noisy, "no square"),
    ],
    ids=["mostly empty counts", "narrow"],
)
def test_why_there_is_no_verdict_is_said(images, why):
    events, result = drive(images, tiny(method="n2v"))
    assert result.verdict is None
    (sentence,) = [
        e.message for e in events if isinstance(e, Warned) and "not compared" in e.message
    ]
    assert why in sentence


def test_the_model_is_told_before_it_is_applied():
    """A full disk while results are written must not cost the model."""
    events, _ = drive(NOISY, tiny(method="n2v"))
    names = [type(e) for e in events]
    assert names.index(StageTrained) < names.index(PredictionProgress)


def test_stage_2_learns_from_the_original_images(monkeypatch):
    banks = []
    original = training_data.load_patch_bank
    monkeypatch.setattr(
        training_data, "load_patch_bank", lambda *a: banks.append(original(*a)) or banks[-1]
    )
    drive(NOISY, tiny())
    (bank,) = banks
    image = bank.image(0)
    assert np.corrcoef(image.ravel(), NOISY[0].ravel())[0, 1] > 0.9999


def test_a_wrong_kernel_file_is_refused_before_any_training(tmp_path):
    np.save(tmp_path / "even.npy", np.ones((4, 4), bool))
    stage2 = {"mask_source": "file", "mask_file_path": tmp_path / "even.npy"}
    with pytest.raises(KernelError, match="must be odd"):
        next(pipeline_events(NOISY, tiny(stage2=stage2)))


def test_a_missing_device_is_refused_before_any_training(monkeypatch):
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="'cuda' was asked for but PyTorch finds none"):
        next(pipeline_events(NOISY, tiny(device="cuda")))


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), MemoryError("Unable to allocate 9 GiB")]
)
def test_memory_that_runs_out_anywhere_is_one_sentence(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(training_data, "load_patch_bank", fail)
    with pytest.raises(DeviceError, match="Memory ran out; lower batch_size, patch_size or"):
        drive(NOISY, tiny())


def test_finish_reports_every_event():
    seen = []
    result = finish(pipeline_events(NOISY, tiny(method="n2v")), seen.append)
    assert result.stage1 is not None
    assert [type(event) for event in seen[:2]] == [ImagesRead, StageStarted]
    finished = next(i for i, event in enumerate(seen) if isinstance(event, StageFinished))
    assert all(isinstance(event, Judged | Warned) for event in seen[finished + 1 :])
    assert [event.verdict for event in seen if isinstance(event, Judged)] == [result.verdict]


def test_a_ready_configuration_is_accepted_as_well():
    _, result = drive(NOISY, validate_config(tiny(method="n2v")))
    assert result.stage1 is not None


@pytest.mark.parametrize(("augmented", "n_orientations"), [(True, 4), (False, 1)])
def test_turns_are_averaged_where_the_network_knows_them(augmented, n_orientations):
    over = {"stage2": {"average_turns": True, "use_augmentation": augmented}}
    _, result = drive(NOISY, tiny(over), answers=[Approve(horizontal())])
    assert len(result.stage1.model.symmetries) == 1
    model = result.stage2.model
    assert len(model.symmetries) == n_orientations
    predictor = Predictor(
        model.build(CPU), model.normalization, model.mode, symmetries=model.symmetries
    )
    expected = predictor.denoise_slice(ArraySource(NOISY), 0)
    assert np.array_equal(result.stage2.denoised[0][0], expected)


def smooth_with(noise):
    """Return a stack of smooth waves with the given noise, (z, y, x) float32."""
    z, y, x = np.indices(noise.shape)
    return (np.sin(x / 9 + 0.1 * z) + np.cos(y / 7) + noise).astype(np.float32)


def refinement_warnings(noise, over):
    """Train on the noise; return the warnings about refinement, and the result."""
    events, result = drive(smooth_with(noise), tiny(over, num_epochs=2))
    messages = [e.message for e in events if isinstance(e, Warned) and "refinement" in e.message]
    return messages, result


@pytest.mark.parametrize("method", ["n2v", "autostructn2v"])
def test_gaussian_noise_is_used_for_the_refinement(monkeypatch, method):
    shares = []

    class Recorded(Trainer):
        def __init__(self, network, data, *rest, **named):
            shares.append(data.refinement and data.refinement.share)
            super().__init__(network, data, *rest, **named)

    monkeypatch.setattr(job, "Trainer", Recorded)
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 96, 96))
    over = {"method": method, "n2v": {"refinement": 0.5}, "stage2": {"refinement": 0.5}}
    messages, result = refinement_warnings(noise, over)
    assert messages == []
    assert len(result.last_stage.history) == 2
    assert shares == ([0.5] if method == "n2v" else [None, 0.5])


def test_noise_that_may_be_structure_is_not_used_for_the_refinement(monkeypatch):
    measure = measuring.measure_evidence

    def unsure(*arguments, **options):
        found = measure(*arguments, **options).autocorrelation
        return evidence.Evidence(replace(found, is_strength_known=False))

    monkeypatch.setattr(measuring, "measure_evidence", unsure)
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 96, 96))
    messages, _ = refinement_warnings(noise, {"stage2": {"refinement": 0.5}})
    assert len(messages) == 1
    assert "could not be told apart" in messages[0]


def test_noise_of_rare_strong_values_is_not_used_for_the_refinement():
    rng = np.random.default_rng(0)
    few_strong = rng.normal(0, 0.3, (3, 96, 96)) * np.where(rng.random((3, 96, 96)) < 0.1, 5, 0.5)
    messages, result = refinement_warnings(few_strong, {"stage2": {"refinement": 0.5}})
    assert len(messages) == 1
    assert "rare strong values" in messages[0]
    assert result.stage2 is not None

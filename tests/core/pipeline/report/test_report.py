"""The report of a run: one page, complete in itself, that says what the run says."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from autoStructN2V import citations
from autoStructN2V.datasets import ArraySource
from autoStructN2V.errors import OutputError
from autoStructN2V.inference.verdict import GAUSSIAN, Verdict
from autoStructN2V.masking import LineOffsets, Sinusoid
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.pipeline import finish, recorded_events, validate_config
from autoStructN2V.pipeline.files import drivers
from autoStructN2V.pipeline.report import content, pictures, plots, spectra
from autoStructN2V.pipeline.report.methods import MethodsText
from autoStructN2V.pipeline.report.record import LARGEST_SIDE, RunRecord, shown_slices
from autoStructN2V.pipeline.report.settings import general_rows
from autoStructN2V.pipeline.report.writing import render
from autoStructN2V.pipeline.results import PipelineResult
from autoStructN2V.trainers import EpochFinished, Warned
from tests.core.conftest import horizontal, noisy_lines, tiny

if TYPE_CHECKING:
    from typing import Any

    from autoStructN2V.pipeline import RunOutput

ROOT = Path(__file__).parents[4]
CONFIG = tiny(stage2={"refinement": 0.5})


class Page(HTMLParser):
    """What a page refers to, its headings and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        names = ("src", "srcset", "data", "poster", *(("href",) if tag != "a" else ()))
        self.addresses += [given[name] for name in names if name in given]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "h2":
            self.headings.append(data.strip())


@pytest.fixture
def plain_diagrams() -> None:
    """Diagrams are looked at here."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunOutput, RunRecord]:
    """Return a training of both stages, and what its report is made from."""
    records: list[RunRecord] = []
    with pytest.MonkeyPatch.context() as patch:
        write = drivers.write_report

        def recorded(record: RunRecord, path: Path) -> None:
            records.append(record)
            write(record, path)

        patch.setattr(drivers, "write_report", recorded)
        config = {**CONFIG, "output_dir": tmp_path_factory.mktemp("out")}
        output: RunOutput = finish(recorded_events([ArraySource(noisy_lines())], config))
    return output, records[0]


def test_a_run_writes_a_page_with_all_it_has_to_say(run: tuple[RunOutput, RunRecord]) -> None:
    output, record = run
    assert output.report == output.folders.model / "report.html"
    text = output.report.read_text("utf-8")
    page = Page(text)
    for heading in ("Before and after", "How good is it?", "Spectra", "Training"):
        assert heading in page.headings
    assert text.count('class="compare"') == 3
    assert page.tags.count("svg") == 4  # kernel, spectra, losses of both stages
    assert text.count("mean squared error, normalized") == 2
    for stage in record.stages.values():
        assert stage.report is not None
        assert stage.report.sentence in text
    assert "undefined" not in text.lower()
    assert len(text) < 1_000_000


def test_settings_whose_zero_is_no_number_are_told_in_words(
    run: tuple[RunOutput, RunRecord],
) -> None:
    general = dict(general_rows(run[1]))
    assert general["Processor cores"] == "all" and general["Memory for pixels"] == "auto"
    assert general["Random seed"] == str(run[1].config.random_seed)


def test_patterns_are_marked_in_the_spectrum(run: tuple[RunOutput, RunRecord]) -> None:
    wave, columns = Sinusoid(8.0, 90.0, 1.0, 0.1), LineOffsets("columns", 1.0, 0.1)
    assert 'class="gone"' not in render(run[1])
    text = render(replace(run[1], removal=PatternRemoval((wave,), (columns,))))
    assert '<circle cx="50.00%" cy="62.50%"' in text and '<circle cx="50.00%" cy="37.50%"' in text
    assert '<line x1="100.00%" y1="50.00%" x2="90.00%" y2="50.00%"' in text
    assert f"Removed first: {wave.sentence}." in text
    assert f"Left in the images: {columns.sentence}." in text


def test_the_page_needs_nothing_beside_it(run: tuple[RunOutput, RunRecord]) -> None:
    assert run[0].report is not None
    text = run[0].report.read_text("utf-8")
    assert all(re.match("data:|#", address) for address in Page(text).addresses)
    assert not re.findall(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", text)
    ids = Page(text).ids
    assert len(ids) == len(set(ids))


def test_names_cannot_become_part_of_the_page(run: tuple[RunOutput, RunRecord]) -> None:
    hostile = '<script>alert("x")</script>'
    (source,) = run[1].noisy
    record = replace(run[1], noisy=[ArraySource(noisy_lines(), name=hostile)], messages=[hostile])
    assert source.shape == record.noisy[0].shape
    page = Page(render(record))
    assert page.tags.count("script") == 1
    assert hostile not in render(record)


def test_a_run_that_was_stopped_at_once_has_a_report(tmp_path: Path) -> None:
    nothing = PipelineResult(None, None, None, None, is_stopped=True)
    noisy = [ArraySource(noisy_lines())]
    page = render(
        RunRecord(validate_config(CONFIG), nothing, noisy, PatternRemoval(), {}, "20261126-120000")
    )
    assert "stopped before its end" in page
    assert "Before and after" not in Page(page).headings


def test_of_a_stage_that_was_stopped_at_once_nothing_is_claimed(
    run: tuple[RunOutput, RunRecord],
) -> None:
    second = run[1].result.stage2
    assert second is not None
    stopped = replace(run[1].result, stage2=replace(second, report=None, history=[]))
    text = MethodsText(replace(run[1], result=stopped)).text
    assert "Stage 2 was stopped before it had learned anything." in text
    assert "An earlier training" not in text
    imported = validate_config({**CONFIG, "run_stage1": False, "stage1_model": Path("model.pth")})
    text = MethodsText(replace(run[1], config=imported)).text
    assert "An earlier training served as the first stage." in text
    assert "used for a training" in MethodsText(replace(run[1], denoised={})).text


@pytest.mark.parametrize(
    ("error", "said"),
    [(0.05, "is 3.5 dB below that"), (0.30, "is 2.6 dB above that"), (0.15, "is about that")],
)
def test_the_verdict_is_told_in_plain_words(
    run: tuple[RunOutput, RunRecord], error: float, said: str
) -> None:
    verdict = Verdict({"stage 2": error, GAUSSIAN: 0.15}, {"stage 2": 0.001, GAUSSIAN: 0.0}, 1.5)
    record = replace(run[1], result=replace(run[1].result, verdict=verdict))
    assert said in MethodsText(record).text


def test_the_page_says_that_the_filter_saw_images_without_patterns(
    run: tuple[RunOutput, RunRecord],
) -> None:
    errors = {"stage 2": 0.05, GAUSSIAN: 0.15}
    verdict = Verdict(errors, dict.fromkeys(errors, 0.001), 1.5, is_without_patterns=True)
    record = replace(run[1], result=replace(run[1].result, verdict=verdict))
    page = render(record)
    assert page.count("1.5 px on the images without patterns") == 3, "figure, sentence and bar"
    assert "the best Gaussian filter of the images without these patterns (" in page


def test_a_kernel_that_was_skipped_was_not_drawn_by_hand(
    run: tuple[RunOutput, RunRecord],
) -> None:
    drawn = "It was drawn by hand"
    skipped = replace(run[1].result, stage2=None, kernel=None)
    record = replace(run[1], result=skipped, denoised={1: run[1].denoised[1]})
    assert record.result.proposal is not None
    assert drawn not in render(record)
    edited = replace(run[1].result, kernel=Kernel.from_array(np.ones((1, 7), bool)))
    assert drawn in render(replace(run[1], result=edited))


def test_of_an_edited_kernel_the_proposed_one_is_not_told(
    run: tuple[RunOutput, RunRecord],
) -> None:
    record = run[1]
    proposal, stage = record.result.proposal, record.result.stage2
    assert proposal is not None and stage is not None
    said = f"Structured noise found: the proposed kernel {proposal.kernel.description.sentence}."
    told = replace(proposal, advice=replace(proposal.advice, about_noise=(said, "Look at it.")))
    model = replace(stage.model, kernel=Kernel.from_array(np.ones((1, 7), bool)))
    result = replace(record.result, proposal=told, stage2=replace(stage, model=model))
    page = render(replace(record, result=result))
    assert "Look at it." in page and said not in page


def test_a_report_that_cannot_be_written_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(record: RunRecord, path: Path) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(drivers, "write_report", full)
    config = tiny(method="n2v", output_dir=tmp_path)
    told: list[str] = []
    output: RunOutput = finish(
        recorded_events([ArraySource(noisy_lines())], config),
        lambda event: told.append(event.message) if isinstance(event, Warned) else None,
    )
    assert output.report is None
    assert output.result.stage1 is not None and output.files[1][0].exists()
    assert [text for text in told if "The report could not be written (The disk is full.)" in text]


def test_the_methods_paragraph_has_the_numbers_of_the_run(
    run: tuple[RunOutput, RunRecord],
) -> None:
    methods = MethodsText(run[1])
    kernel = run[1].result.kernel
    assert kernel is not None
    assert "3 images of 48 x 48 pixels were denoised" in methods.text
    assert f"kernel of {kernel.n_hidden} pixels" in methods.text
    assert "batches of 2 patches of 16 x 16 pixels" in methods.text
    cited = [int(number) for number in re.findall(r"\[(\d+)\]", methods.text)]
    assert sorted(set(cited)) == list(range(1, len(methods.citations) + 1))
    assert methods.citations[0] is citations.SOFTWARE


def test_what_is_cited_is_what_the_citation_file_says() -> None:
    said = (ROOT / "CITATION.cff").read_text("utf-8")
    for citation in (citations.NOISE2VOID, citations.STRUCTN2V):
        assert citation.doi in said


def test_of_large_images_the_middle_is_shown() -> None:
    large = np.zeros((1, 700, 900), np.float32)
    large[0, 350, 450] = 1.0
    nothing = PipelineResult(None, None, None, None, is_stopped=False)
    source = ArraySource(large)
    config = validate_config(CONFIG)
    record = RunRecord(config, nothing, [source], PatternRemoval(), {1: [source]}, "")
    (shown,) = shown_slices(record)
    assert shown.is_cut
    assert shown.noisy.shape == (LARGEST_SIDE, LARGEST_SIDE)
    assert shown.noisy[LARGEST_SIDE // 2, LARGEST_SIDE // 2] == 1.0
    assert not shown.removed.any()


def test_the_power_of_white_noise_is_its_variance() -> None:
    noise = np.random.default_rng(0).normal(5.0, 3.0, (4, 128, 128))
    spectrum = spectra.radial_mean([spectra.power(image) for image in noise])
    # each bin but the first averages hundreds of frequencies, each of which varies by its own size
    assert np.abs(spectrum[3:] / 9.0 - 1.0).max() < 0.25
    measured = measure_noise_autocorrelation([noise.astype(np.float32)])
    assert np.nanmedian(spectra.noise_power(measured)) == pytest.approx(9.0, rel=0.15)


def test_a_wave_has_its_power_at_its_frequency() -> None:
    x = np.arange(128)
    wave = np.broadcast_to(np.sin(2 * np.pi * x / 8.0), (128, 128))
    strongest = np.argmax(spectra.radial_mean([spectra.power(wave)]))
    assert spectra.frequencies()[strongest] == pytest.approx(1 / 8, abs=0.5 / spectra.N_BINS)


@pytest.mark.parametrize("side", [64, 256])
def test_a_picture_has_the_gray_levels_of_the_image(side: int) -> None:
    ramp = np.linspace(-1.0, 3.0, side, dtype=np.float32)
    image = np.broadcast_to(ramp, (side, side))
    picture = pictures.gray_picture(image, (0.0, 2.0))
    data = base64.b64decode(picture.address.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("L"), float)
    assert pixels.shape == (picture.height, picture.width) == (side, side)
    expected = 255.0 * np.clip(image / 2.0, 0.0, 1.0)
    assert np.abs(pixels - expected).max() < 6.0  # compressed


@pytest.mark.parametrize("size", [(1, 5), (9, 9), (1, 31)])
def test_a_kernel_is_drawn_in_the_colors_of_the_page(size: tuple[int, int]) -> None:
    kernel = Kernel.from_array(np.ones(size, bool))
    drawn = plots.kernel_plot(kernel, np.full((1, 63, 63), 0.25))
    assert drawn.startswith("<svg")
    assert "#0102" not in drawn
    assert drawn.count("stroke-width: 1.8") >= 1
    assert "var(--ink)" in drawn and "var(--positive)" in drawn


def test_a_kernel_of_three_slices_has_three_panels() -> None:
    kernel = Kernel.from_array(np.ones((3, 1, 3), bool), "2.5D")
    drawn = plots.kernel_plot(kernel, None)
    assert [title in drawn for title in ("z - 1", ">z<", "z + 1")] == [True] * 3


def test_no_figure_is_minus_zero() -> None:
    shown = content._texts({"x": -0.001, "y": -0.06})
    assert shown == {"x": "+0.00", "y": "\N{MINUS SIGN}0.06"}


def test_first_losses_that_dwarf_the_rest_are_on_a_logarithmic_axis() -> None:
    def drawn(*losses: float) -> str:
        history = [
            EpochFinished(1, i, len(losses), loss, loss, min(losses), 1e-3, 1.0, 0.0)
            for i, loss in enumerate(losses, start=1)
        ]
        return plots.loss_plot(history, "1")

    assert ">0.5<" in drawn(40.0, 0.6, 0.4)
    assert ">0.5<" not in drawn(40.0, 39.0, 38.0)
    assert plots.loss_plot([EpochFinished(1, 1, 1, 1.0, 1.0, 1.0, 1e-3, 1.0, 0.0)], "1")


def test_equal_diagrams_are_equal_text() -> None:
    values = {"noisy": np.ones(spectra.N_BINS)}
    first, second = (plots.spectra_plot(spectra.frequencies(), values) for _ in range(2))
    assert first == second


def test_a_kernel_from_a_file_is_said_to_be_given(run: tuple[RunOutput, RunRecord]) -> None:
    result = replace(run[1].result, proposal=None, kernel=horizontal())
    assert "was given" in MethodsText(replace(run[1], result=result)).text


def test_with_a_kernel_of_the_center_alone_stage_2_is_called_noise2void(
    run: tuple[RunOutput, RunRecord],
) -> None:
    result = run[1].result
    assert result.stage2 is not None
    model = replace(result.stage2.model, kernel=Kernel.center_only())
    result = replace(result, stage2=replace(result.stage2, model=model))
    methods = MethodsText(replace(run[1], result=result))
    assert citations.NOISE2VOID in methods.citations
    assert citations.STRUCTN2V not in methods.citations
    assert "1 pixels" not in methods.text

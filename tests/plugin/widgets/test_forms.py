# Forms must not change what they show: a default that comes back rounded would train differently.

import html

import pytest
from napari._qt.qt_resources import get_stylesheet
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.pipeline import PRESETS, PipelineConfig, validate_config
from autoStructN2V.pipeline.configuration.stages import N2VConfig, Stage1Config, Stage2Config
from napari_autostructn2v.widgets.editors import FloatBox, NumbersEdit
from napari_autostructn2v.widgets.forms import FormGrid, choices_of, make_editor, simple_fields


def all_subclasses(model):
    direct = model.__subclasses__()
    return {*direct, *(m for child in direct for m in all_subclasses(child))}


# what has to be stated has no default: such models have dialogs of their own
MODELS = sorted(
    (
        model
        for model in all_subclasses(FrozenConfig)
        if not any(field.is_required() for field in model.model_fields.values())
    ),
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_form_returns_its_defaults_unchanged(model, qtbot):
    form = FormGrid({"": model}, simple_fields(model))
    qtbot.addWidget(form)
    default = {name: model.model_fields[name].default for name in simple_fields(model)}
    assert form.value() == {"": default}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("section", ["n2v", "stage1", "stage2"])
def test_a_form_returns_the_values_of_presets_unchanged(preset, section, qtbot):
    config = validate_config({"preset": preset})
    model = type(config[section])
    form = FormGrid({section: model}, simple_fields(model))
    qtbot.addWidget(form)
    form.setValue({section: config[section]})
    again = validate_config({"preset": preset, section: form.value()[section]})
    assert again == config


@pytest.mark.parametrize("model", [N2VConfig, Stage2Config, ExtractorConfig, PipelineConfig])
def test_every_field_says_what_it_is(model, qtbot):
    form = FormGrid({"part": model}, simple_fields(model))
    qtbot.addWidget(form)
    for name in simple_fields(model):
        editor, field = form.editor("part", name), model.model_fields[name]
        assert field.title in editor.accessibleName()
        assert f"part.{name}" in editor.toolTip()
        assert html.escape(field.description) in editor.toolTip()


@pytest.mark.parametrize("rate", [1e-5, 1e-4, 3e-3, 0.05, 2.5e-7])
def test_small_learning_rates_survive(rate, qtbot):
    box = make_editor(Stage2Config, "learning_rate")
    qtbot.addWidget(box)
    box.setValue(rate)
    assert box.value() == rate
    box.lineEdit().setText(f"{rate:e}")
    box.interpretText()
    assert box.value() == rate


def test_numbers_keep_to_the_bounds_of_their_field(qtbot):
    for name, low, high in [("batch_size", 1, 64), ("num_layers", 1, 5), ("patch_size", 8, 1024)]:
        box = make_editor(Stage2Config, name)
        qtbot.addWidget(box)
        assert isinstance(box, QSpinBox) and (box.minimum(), box.maximum()) == (low, high)
    rate = make_editor(Stage2Config, "learning_rate")
    qtbot.addWidget(rate)
    assert isinstance(rate, FloatBox) and 0 < rate.minimum() < 1e-6 and rate.maximum() == 0.1


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        (PipelineConfig, "threads", "All"),
        (PipelineConfig, "pixel_memory", "Auto"),
        (Stage2Config, "steps_per_epoch", "Auto"),
        (Stage2Config, "most_passes", "No limit"),
    ],
)
def test_a_zero_that_is_no_number_is_shown_in_words(model, name, words, qtbot):
    box = make_editor(model, name)
    qtbot.addWidget(box)
    box.setValue(3)
    assert box.text() == "3"
    box.setValue(0)
    assert box.text() == words
    box.interpretText()  # as when the focus leaves it
    assert box.value() == 0 and box.text() == words


def test_a_word_can_be_typed_and_left_by_steps(qtbot):
    box = make_editor(PipelineConfig, "pixel_memory")
    qtbot.addWidget(box)
    box.setValue(3)
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "auto")
    box.interpretText()
    assert box.value() == 0
    box.stepBy(1)
    assert box.value() == 1
    box.stepBy(-1)
    assert box.value() == 0 and box.text() == "Auto"
    box.setValue(2)
    box.stepBy(1)
    assert 2 < box.value() < 3
    qtbot.keyClicks(box.lineEdit(), "x")
    assert "x" not in box.lineEdit().text()


def test_odd_numbers_stay_odd(qtbot):
    box = make_editor(ExtractorConfig, "center_size")
    qtbot.addWidget(box)
    box.stepBy(3)
    assert box.value() == ExtractorConfig().center_size + 6


def test_choices_have_readable_names():
    assert ("autoStructN2V", "autostructn2v") in choices_of(PipelineConfig, "method")
    assert ("High quality", "high_quality") in choices_of(PipelineConfig, "preset")
    assert ("Mean", 0) in choices_of(Stage2Config, "masking_strategy")


def test_stages_stand_side_by_side(qtbot):
    form = FormGrid({"stage1": Stage1Config, "stage2": Stage2Config}, simple_fields(Stage1Config))
    qtbot.addWidget(form)
    with pytest.raises(KeyError):
        form.editor("stage2", "mask_center_size")
    with qtbot.waitSignal(form.valueChanged):
        form.editor("stage2", "batch_size").setValue(7)
    assert form.value()["stage2"]["batch_size"] == 7


def test_what_is_refused_or_has_no_effect_is_gray(qtbot):
    form = FormGrid({"stage1": Stage1Config, "stage2": Stage2Config}, simple_fields(Stage1Config))
    qtbot.addWidget(form)
    locked = form.editor("stage1", "use_augmentation")
    assert not locked.isEnabled() and "must be False" in locked.toolTip()
    threshold = form.editor("stage1", "roi_threshold")
    form.editor("stage1", "use_roi").setValue(True)
    assert threshold.isEnabled()
    form.editor("stage1", "use_roi").setValue(False)
    assert not threshold.isEnabled()


def test_patch_sizes_step_by_what_the_network_needs(qtbot):
    form = FormGrid({"n2v": N2VConfig}, ["patch_size", "num_layers"])
    qtbot.addWidget(form)
    form.editor("n2v", "num_layers").setValue(5)
    size = form.editor("n2v", "patch_size")
    size.setValue(64)
    size.stepBy(1)
    assert size.value() == 96


def test_showing_values_announces_nothing(qtbot):
    form = FormGrid({"": ExtractorConfig}, simple_fields(ExtractorConfig))
    qtbot.addWidget(form)
    with qtbot.assertNotEmitted(form.valueChanged):
        form.setValue({"": ExtractorConfig(base_percentile=60, adapt_autocorr=False)})
    assert form.value()[""]["base_percentile"] == 60


def test_three_numbers_in_a_row_are_not_cut_off_in_a_narrow_dock(qtbot):
    window, editor = QWidget(), NumbersEdit(3, 0.0, 1.0)
    QVBoxLayout(window).addWidget(editor)
    window.setStyleSheet(get_stylesheet("dark"))
    qtbot.addWidget(window)
    editor.setValue((0.9, 0.05, 0.05))
    window.show()
    window.resize(window.minimumSizeHint())
    editor.setFixedWidth(editor.fontMetrics().horizontalAdvance("0" * 18))
    for box in editor.findChildren(QDoubleSpinBox):
        line = box.lineEdit()
        text = line.fontMetrics().horizontalAdvance(line.text())
        qtbot.waitUntil(lambda line=line, text=text: line.width() >= text + 4)

"""Configuration: the documented defaults, presets under what is given, and errors that help."""

import json
from pathlib import Path

import pytest

from autoStructN2V.errors import ConfigError
from autoStructN2V.pipeline import PRESETS, PipelineConfig, validate_config

# the table of the documentation: field, N2V, stage 1, stage 2
TABLE = [
    ("patch_size", 64, 32, 64),
    ("patches_per_image", 100, 100, 200),
    ("batch_size", 8, 4, 2),
    ("mask_percentage", 15, 15, 10),
    ("use_augmentation", True, False, True),
    ("features", 64, 64, 64),
    ("num_layers", 4, 2, 2),
    ("learning_rate", 1e-4, 1e-4, 1e-5),
    ("use_resize_conv", True, True, True),
    ("upsampling_mode", "bilinear", "bilinear", "bilinear"),
    ("masking_strategy", 0, 0, 0),
    ("mask_center_size", 1, 1, None),
    ("use_roi", False, True, False),
    ("roi_threshold", 0.5, 0.5, 0.5),
    ("scale_factor", 0.25, 0.25, 0.25),
    ("select_background", True, True, False),
]
GENERAL = {
    "input_dir": None,
    "output_dir": Path("results"),
    "experiment_name": "autoStructN2V_experiment",
    "random_seed": 42,
    "device": "auto",
    "split_ratio": (0.7, 0.15, 0.15),
    "image_extension": ".tif",
    "verbose": False,
    "num_epochs": 100,
    "early_stopping": True,
    "early_stopping_patience": 10,
    "run_stage1": True,
    "run_stage2": True,
    "mode": "2D",
    "method": "autostructn2v",
}
DOCUMENTED = {"preset": "documented"}
EXTRACTOR = {
    "adapt_autocorr": True,
    "base_percentile": 50,
    "percentile_decay": 1.15,
    "max_true_pixels": 25,
    "center_size": 11,
    "norm_autocorr": True,
    "log_autocorr": True,
    "crop_autocorr": True,
    "adapt_CB": 50,
    "adapt_DF": 0.95,
    "center_ratio_threshold": 0.3,
    "use_center_proximity": True,
    "center_proximity_threshold": 0.95,
    "keep_center_component_only": True,
}


def nested(path, value):
    """Return {"a": {"b": value}} for the path "a.b"."""
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def message(config):
    with pytest.raises(ConfigError) as caught:
        validate_config(config)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


@pytest.mark.parametrize(("field", "n2v", "stage1", "stage2"), TABLE)
def test_the_documented_table_of_the_stages(field, n2v, stage1, stage2):
    config = validate_config(DOCUMENTED)
    for section, value in (("n2v", n2v), ("stage1", stage1), ("stage2", stage2)):
        if value is None:
            assert field not in type(config[section]).model_fields
        else:
            assert config[section][field] == value, section
            assert getattr(getattr(config, section), field) == value


@pytest.mark.parametrize(("field", "value"), GENERAL.items())
def test_the_documented_general_defaults(field, value):
    assert validate_config(DOCUMENTED)[field] == value


@pytest.mark.parametrize(("field", "value"), EXTRACTOR.items())
def test_the_documented_extractor_defaults(field, value):
    assert validate_config(DOCUMENTED)["stage2"]["extractor"][field] == value


def test_stage_2_takes_its_kernel_from_stage_1():
    stage2 = validate_config(DOCUMENTED)["stage2"]
    assert stage2["mask_source"] == "stage1"
    assert stage2["mask_file_path"] is None


ALLOWED = [
    *((f"{s}.mask_percentage", v) for s in ("n2v", "stage1", "stage2") for v in (0.1, 50)),
    *((f"{s}.features", v) for s in ("n2v", "stage1", "stage2") for v in (8, 128)),
    *(("stage2.batch_size", v) for v in (1, 64)),
    *(("stage1.num_layers", v) for v in (1, 5)),
    *(("stage2.upsampling_mode", v) for v in ("bilinear", "nearest", "bicubic")),
    *(("stage2.masking_strategy", v) for v in (0, 1, 2)),
    *(("stage2.extractor.base_percentile", v) for v in (30, 70)),
    *(("stage2.extractor.percentile_decay", v) for v in (1.0, 1.3)),
    *(("stage2.extractor.max_true_pixels", v) for v in (5, 50)),
    *(("stage2.extractor.center_size", v) for v in (7, 31)),
    *(("device", v) for v in ("auto", "cuda", "mps", "cpu")),
    *(("mode", v) for v in ("2D", "2.5D")),
    *(("method", v) for v in ("n2v", "autostructn2v")),
    ("n2v.patches_per_image", 1),
    ("stage1.mask_center_size", 5),
    ("split_ratio", [0.8, 0.1, 0.1]),
]


@pytest.mark.parametrize(("path", "value"), ALLOWED)
def test_the_whole_documented_range_is_allowed(path, value):
    config = validate_config(nested(path, value))
    for part in path.split("."):
        config = config[part]
    assert config == (tuple(value) if isinstance(value, list) else value)


REFUSED = [
    ("stage2.mask_percentage", 0, "a number above 0 and at most 50"),
    ("stage2.mask_percentage", 51, "a number above 0 and at most 50"),
    ("stage1.batch_size", 0, "a whole number from 1 to 64"),
    ("stage1.batch_size", 65, "a whole number from 1 to 64"),
    ("n2v.features", 7, "a whole number from 8 to 128"),
    ("n2v.features", 129, "a whole number from 8 to 128"),
    ("n2v.features", "many", "a whole number from 8 to 128"),
    ("n2v.num_layers", 6, "a whole number from 1 to 5"),
    ("n2v.num_layers", 2.5, "a whole number from 1 to 5"),
    ("n2v.patches_per_image", 0, "a whole number of at least 1"),
    ("stage2.upsampling_mode", "cubic", "'bilinear', 'nearest' or 'bicubic'"),
    ("stage2.masking_strategy", 3, "0, 1 or 2"),
    ("stage2.learning_rate", 0, "a number above 0 and at most 0.1"),
    ("stage2.learning_rate", float("nan"), "a number above 0 and at most 0.1"),
    ("stage1.mask_center_size", 4, "even; use 3 or 5"),
    ("stage2.extractor.center_size", 10, "even; use 9 or 11"),
    ("stage2.extractor.base_percentile", 20, "a number from 30 to 70"),
    ("stage2.extractor.max_true_pixels", 51, "a whole number from 5 to 50"),
    ("stage2.use_augmentation", "perhaps", "true or false"),
    ("num_epochs", 0, "a whole number of at least 1"),
    ("num_epochs", None, "a whole number of at least 1"),
    ("early_stopping_patience", 0, "a whole number of at least 1"),
    ("random_seed", -1, "a whole number from 0 to 2147483647"),
    ("device", "tpu", "'auto', 'cpu', 'cuda' or 'mps'"),
    ("mode", "3D", "'2D' or '2.5D'"),
    ("method", "magic", "'n2v' or 'autostructn2v'"),
    ("preset", "slow", "'fast', 'balanced', 'high_quality' or 'documented'"),
    ("preset", ["fast"], "'fast', 'balanced', 'high_quality' or 'documented'"),
    ("split_ratio", (0.5, 0.5, 0.5), "sum to 1"),
    ("split_ratio", (1.0, 0.0, 0.0), "above 0"),
    ("split_ratio", (0.5, 0.5), "3 numbers, such as [0.7, 0.15, 0.15]"),
    ("split_ratio", 0.8, "3 numbers"),
    ("split_ratio", ("a", 0.1, 0.1), "3 numbers"),
    ("experiment_name", "", "plain name"),
    ("experiment_name", "a/b", "plain name"),
    ("experiment_name", "..", "plain name"),
    ("stage1", 3, "a section of fields"),
    ("output_dir", 3, "the path of a file or folder"),
    ("channel", "red", "a whole number of at least 0"),
    ("stage1.use_augmentation", True, "in stage 1 it must be False"),
    ("stage1.patch_size", 30, "multiple of 4; use 28 or 32"),
    ("n2v.patch_size", 40, "num_layers 4 needs a multiple of 16; use 32 or 48"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), REFUSED)
def test_errors_name_field_value_and_what_is_allowed(path, value, allowed):
    text = message({**DOCUMENTED, **nested(path, value)})
    section, _, field = path.rpartition(".")
    assert section in text
    assert field in text
    assert str(value) in text or repr(value) in text
    assert allowed in text


CONTRADICTIONS = [
    ({"run_stage1": False, "run_stage2": False}, "both False; switch at least one on"),
    ({"run_stage1": False}, "mask_source is 'stage1' but stage 1 does not run"),
    ({"stage2": {"mask_source": "file"}}, "mask_file_path is missing; name a .npy file"),
]


@pytest.mark.parametrize(("config", "words"), CONTRADICTIONS)
def test_contradictions_are_refused_with_the_reason(config, words):
    assert words in message(config)


def test_contradictions_that_are_none_are_allowed():
    validate_config({"run_stage1": False, "stage2": {"mask_source": "extractor"}})
    validate_config({"run_stage1": False, "stage1_model": "model.pth"})
    validate_config({"run_stage1": False, "run_stage2": False, "method": "n2v"})
    validate_config({"stage2": {"mask_source": "file", "mask_file_path": "kernel.npy"}})


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("patchsize", "correct its name or leave it out"),
        (
            "batch_size",
            "did you mean 'n2v.batch_size', 'stage1.batch_size' or 'stage2.batch_size'?",
        ),
        ("num_epoch", "did you mean 'num_epochs'"),
        ("stage1.patchsize", "did you mean 'patch_size'"),
        ("stage2.extractor.center_sizes", "did you mean 'center_size'"),
        ("stage2.mask_center_size", "'stage1.mask_center_size'"),
    ],
)
def test_unknown_fields_are_named_with_a_suggestion(path, suggestion):
    text = message(nested(path, 1))
    assert f"{path} is not a known field" in text
    assert suggestion in text


def test_all_mistakes_are_told_at_once():
    text = message({"num_epochs": 0, "stage1": {"features": 1}})
    assert "num_epochs" in text
    assert "stage1.features" in text


@pytest.mark.parametrize("thing", [None, 3, "config.json", [1, 2]])
def test_what_is_no_dictionary_is_refused(thing):
    assert "must be a nested dictionary of fields" in message(thing)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_lie_under_what_is_given(preset):
    config = validate_config({"preset": preset, "stage2": {"batch_size": 3}, "num_epochs": 7})
    assert config.preset == preset
    assert config.stage2.batch_size == 3
    assert config.num_epochs == 7
    for name, value in PRESETS[preset].get("stage2", {}).items():
        if name != "batch_size":
            assert config.stage2[name] == value
    for name, value in PRESETS[preset].get("stage1", {}).items():
        assert config.stage1[name] == value


def test_documented_is_the_table_of_defaults_and_balanced_the_preset_that_nobody_chose():
    assert PRESETS["documented"] == {}
    assert validate_config({"preset": "balanced"}) == validate_config({})


def test_a_saved_configuration_keeps_its_numbers_whatever_its_preset_is_today():
    saved = validate_config(DOCUMENTED).model_dump(mode="json") | {"preset": "balanced"}
    read = validate_config(saved)
    assert (read.num_epochs, read.stage2.features, read.stage2.optimizer) == (100, 64, "adam")


def test_better_presets_differ_from_fast_in_nothing_but_the_length_of_the_training():
    length = {"num_epochs": 1, "n2v": {"steps_per_epoch": 1}, "stage2": {"steps_per_epoch": 1}}
    equal = {
        validate_config({"preset": p, **length}).model_dump_json(exclude={"preset"})
        for p in ("fast", "balanced", "high_quality")
    }
    assert len(equal) == 1
    steps = []
    for preset in ("fast", "balanced", "high_quality"):
        config = validate_config({"preset": preset})
        steps.append(config.num_epochs * config.stage2.steps_per_epoch)
    assert steps == sorted(set(steps))


def test_a_partial_section_keeps_its_other_defaults():
    config = validate_config({"stage2": {"extractor": {"center_size": 13}}})
    assert config.stage2.extractor.center_size == 13
    assert config.stage2.extractor.base_percentile == 50
    assert config.stage2.patches_per_image == 200


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_survives_json(preset):
    given = {
        "preset": preset,
        "input_dir": "some/folder",
        "mode": "2.5D",
        "stage2": {"mask_source": "file", "mask_file_path": "k.npy", "extractor": {"adapt_CB": 40}},
    }
    config = validate_config(given)
    text = json.dumps(config.model_dump(mode="json"))
    assert validate_config(json.loads(text)) == config


def test_a_configuration_cannot_be_changed_and_validates_to_itself():
    config = validate_config({})
    with pytest.raises(ValueError, match="frozen"):
        config.num_epochs = 3
    assert validate_config(config) is config
    with pytest.raises(KeyError):
        config["no_such_field"]


def test_the_given_dictionary_is_not_modified():
    given = {"preset": "fast", "stage1": {"features": 16}}
    validate_config(given)
    assert given == {"preset": "fast", "stage1": {"features": 16}}


def _fields(model, section=""):
    for name, field in model.model_fields.items():
        yield section + name, field
        if hasattr(field.annotation, "model_fields"):
            yield from _fields(field.annotation, f"{section}{name}.")


FIELDS = dict(_fields(PipelineConfig))


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_explains_itself(path):
    field = FIELDS[path]
    assert field.title
    assert field.description
    assert field.description.endswith(".")


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_says_what_to_choose_instead_of_nonsense(path):
    text = message(nested(path, ["?"] * 1000))
    assert text.startswith(f"{path} is ['?', '?', ")
    assert "; choose " in text or "; give a section of fields, such as {'" in text
    assert len(text) < 160


def test_rules_of_ours_are_told_with_the_whole_name_of_the_field():
    assert message({"stage1": {"patch_size": 30}}).startswith("stage1.patch_size is 30 but")
    assert message({"stage2": {"mask_source": "file"}}).startswith("stage2.mask_source is 'file'")
    ratio = message({"split_ratio": [0.5, 0.4, 0.4]})
    assert ratio.startswith("split_ratio is (0.5, 0.4, 0.4); three shares")

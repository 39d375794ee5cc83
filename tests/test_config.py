"""The configuration: three sources, one set of names, every mistake at once."""

from __future__ import annotations

import pytest

from rarecall.config import DEFAULT_METHODS, CompareConfig, load_config, read_yaml
from rarecall.errors import ConfigurationError, DataError


def mistakes(options, **more):
    with pytest.raises(ConfigurationError) as caught:
        load_config(options, **more)
    return str(caught.value)


@pytest.fixture
def yaml_file(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return path

    return write


def test_defaults_are_the_documented_ones():
    config = load_config({"data": "digits"})
    assert (config.tpr, config.confidence, config.seeds, config.tune) == (0.95, 0.95, 5, 0)
    assert config.methods == DEFAULT_METHODS
    assert config.baseline_name == "bce"


def test_every_mistake_is_reported_at_once():
    text = mistakes(
        {
            "data": "x",
            "tpr": 95.0,
            "sedes": 3,
            "methods": "bce,focl",
            "kind": "tabel",
            "seeds": "three",
            "steps": 0,
            "device": 3,
            "learning_rate": -1.0,
            "skip_unreadable": "perhaps",
            "shares": {"train": 0.5, "test": 0.5},
            "parameters": {"bce+alm": {"alm.margn": 0.2}},
        }
    )
    assert text.startswith("11 options cannot be used")
    for word in ("tpr", "sedes", "methods", "kind", "seeds", "steps", "device", "learning_rate"):
        assert f"\n- {word}" in text
    for word in ("skip_unreadable", "shares", "parameters"):
        assert f"\n- {word}" in text


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"critcal": "a"}, "Did you mean 'critical'"),
        ({"methods": "bce+almm"}, "Did you mean 'alm'"),
        ({"kind": "image"}, "Did you mean 'images'"),
        ({"methods": "bce,bce+alm", "baseline": "bec"}, "Did you mean 'bce'"),
        ({"parameters": {"bce+alm": {"alm.margn": 1.0}}}, "Did you mean 'alm.margin'"),
        ({"shares": {"train": 0.4, "validaton": 0.2, "calibration": 0.2, "test": 0.2}}, "valid"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest_known_one(options, hint):
    assert hint in mistakes({"data": "x", **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "data: is needed"),
        ({"tpr": 1.0}, "rates lie between 0 and 1"),
        ({"tpr": float("nan")}, "tpr"),
        ({"seeds": True}, "must be a whole number"),
        ({"seeds": 2.5}, "must be a whole number"),
        ({"methods": ""}, "at least one"),
        ({"methods": "bce, BCE"}, "named twice"),
        ({"methods": "bce+rankreg+replay"}, "rankreg"),
        ({"train_positives": 1}, "at least 2"),
        ({"baseline": "vs"}, "not among the methods"),
        ({"parameters": {"vs": {}}}, "not among the methods"),
        ({"parameters": {"bce+alm": {"alm.margin": -1.0}}}, "margin"),
        ({"image_size": 8, "kind": "table"}, "is for images"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"shares": "0.5,0.5"}, "must be four numbers"),
    ],
)
def test_an_impossible_value_is_refused_and_named(options, words):
    given = options if not options else {"data": "x", **options}
    assert words in mistakes(given)


def test_shares_must_add_up_to_one():
    shares = {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.3}
    assert "add up to 1.1" in mistakes({"data": "x", "shares": shares})
    shares["test"] = 0.2
    assert load_config({"data": "x", "shares": shares}).shares == shares
    assert load_config({"data": "x", "shares": "0.4,0.2,0.2,0.2"}).shares == shares


def test_an_option_wins_over_the_file(yaml_file):
    path = yaml_file("data: digits\nseeds: 3\ntpr: 0.9\n")
    config = load_config({"seeds": 2, "tpr": None}, yaml_file=path)
    assert (config.seeds, config.tpr) == (2, 0.9)


def test_nothing_in_yaml_means_the_default(yaml_file):
    assert load_config({}, yaml_file=yaml_file("data: digits\ntune:\n")).tune == 0


def test_methods_may_be_a_list_or_words_with_commas(yaml_file):
    listed = load_config({}, yaml_file=yaml_file("data: a\nmethods: [bce, vs+alm]\n"))
    worded = load_config({"data": "a", "methods": "bce, vs+alm"})
    assert listed.methods == worded.methods == ("bce", "vs+alm")


def test_yaml_keeps_labels_as_written(yaml_file):
    values = read_yaml(yaml_file("critical: no\ntarget: on\nlearning_rate: 1e-3\ntrees: false\n"))
    assert values == {"critical": "no", "target": "on", "learning_rate": 0.001, "trees": False}


def test_a_number_or_truth_value_can_be_a_label(yaml_file):
    assert load_config({}, yaml_file=yaml_file("data: a\ncritical: 1\n")).critical == "1"
    assert load_config({}, yaml_file=yaml_file("data: a\ncritical: true\n")).critical == "True"


def test_dashes_in_yaml_names_are_the_command_lines(yaml_file):
    assert load_config({}, yaml_file=yaml_file("data: a\nbatch-size: 8\n")).batch_size == 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "must hold names and values"),
        ("tpr: [0.9\n", "is not valid YAML"),
        ("tpr: 0.9\ntpr: 0.8\n", "given twice"),
        ("tpr: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(yaml_file, text, words):
    with pytest.raises(ConfigurationError, match=words):
        read_yaml(yaml_file(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.yaml"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_a_stored_configuration_reads_back_the_same():
    config = load_config(
        {"data": "a", "methods": "bce,bce+alm", "parameters": {"bce+alm": {"alm.margin": 0.1}}}
    )
    assert CompareConfig(**config.model_dump(mode="json")) == config


def test_the_required_level_is_always_reported():
    assert CompareConfig(data="a", tpr=0.99).levels == (0.9, 0.95, 0.98, 0.99)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"redraw": True}, "redraw: re-draws the rows of members"),
        ({"redraw": True, "members": 4, "time": "day"}, "redraw: would mix rows of different"),
        ({"metadata": "age", "kind": "table"}, "metadata: stands beside image paths"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        load_config({"data": "x.csv", **options})

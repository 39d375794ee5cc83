"""The kind of problem as the options say it, and the methods that fit it."""

from __future__ import annotations

import pytest
import yaml

from rarecall.config import DEFAULT_METHODS, CompareConfig, load_config
from rarecall.errors import ConfigurationError


def refused(**options):
    with pytest.raises(ConfigurationError) as caught:
        load_config({"data": "t.csv", **options})
    return str(caught.value)


def test_without_a_word_about_it_the_task_is_binary():
    config = load_config({"data": "t.csv", "target": "y", "critical": "1"})
    assert (config.problem, config.target, config.critical) == ("binary", "y", "1")
    assert config.methods == DEFAULT_METHODS


def test_several_critical_labels_or_targets_say_the_task():
    several = load_config({"data": "t.csv", "target": "y", "critical": "8, 9", "methods": "a-fl"})
    assert several.problem == "multiclass"
    assert several.criticals == ("8", "9")
    labels = load_config({"data": "t.csv", "target": "a,b,c", "methods": "a-fl"})
    assert labels.problem == "multilabel"
    assert labels.targets == ("a", "b", "c")


def test_one_critical_class_can_be_given_the_multi_class_treatment():
    config = load_config(
        {"data": "t.csv", "target": "y", "critical": 9, "task": "multiclass", "methods": "a-fl"}
    )
    assert (config.problem, config.criticals) == ("multiclass", ("9",))


def test_a_comma_is_part_of_a_name_in_a_list_and_in_a_binary_task(tmp_path):
    listed = load_config({"data": "t.csv", "target": ["Diagnosis, final"], "critical": ["a,b"]})
    assert (listed.problem, listed.targets, listed.criticals) == (
        "binary", ("Diagnosis, final",), ("a,b",),
    )  # fmt: skip
    binary = load_config({"data": "t.csv", "target": "Diagnosis, final", "task": "binary"})
    assert binary.targets == ("Diagnosis, final",)
    several = load_config(
        {"data": "t.csv", "target": ["a,b", "c"], "methods": "a-fl"},
    )
    assert several.targets == ("a,b", "c")
    for config in (listed, binary, several):
        # As a run folder stores it and reads it again.
        file = tmp_path / "run.yaml"
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
        assert load_config({}, yaml_file=file) == config


@pytest.mark.parametrize("value", [[], [["a"]], {"a": 1}])
def test_a_target_that_is_no_name_is_refused(value):
    assert "- target: must be text, or a list of texts" in refused(target=value)


def test_what_does_not_fit_together_is_told_at_once():
    text = refused(target="a,b", critical="8", train_positives=3, tpr=1.5, methods="a-fl")
    assert "- critical: every label of a multi-label table" in text
    assert "- train_positives: cannot be used in a multi-label task" in text
    assert "- tpr:" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "binary", "critical": ["8", "9"]}, "Several are a multi-class task"),
        ({"task": "multilabel", "target": "a"}, "One column is a binary task"),
        ({"task": "multiclass", "target": ["a", "b"]}, "Several are a multi-label task"),
        ({"critical": "8,8"}, "'8' is named twice"),
        ({"task": "multi"}, "must be one of 'auto', 'binary', 'multiclass', 'multilabel'"),
    ],
)
def test_names_that_contradict_the_task_are_refused(options, words):
    assert words in refused(methods="a-fl", **options)


def test_a_method_that_is_not_made_for_the_task_is_refused_with_the_reason():
    text = refused(critical="8,9", methods="pauc-1way,a-fl")
    assert "- methods: 'pauc-1way' is for" in text
    assert "and this one is multi-class" in text


def test_a_method_that_has_a_counterpart_is_refused_with_it():
    text = refused(critical="8,9", methods="bce,bce+alm")
    assert "Use 'ce'." in text
    assert "Use 'ce+alm'." in text


def test_the_usual_methods_follow_the_task_and_all_fit_it():
    several = CompareConfig(data="digits", critical="8,9")
    assert several.methods[:2] == ("ce", "cb-ce")
    assert several.baseline_name == "ce"
    labels = CompareConfig(data="t.csv", target="a,b")
    assert labels.methods[0] == labels.baseline_name == "bce"
    load_config({"data": "digits", "critical": "8,9"})
    load_config({"data": "t.csv", "target": "a,b"})

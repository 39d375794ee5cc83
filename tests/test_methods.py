"""Method names and what they build."""

from __future__ import annotations

import inspect

import pytest

from rarecall.errors import MethodError
from rarecall.methods import all_methods, parse


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "must begin with a loss"),
        ("alm", "must begin with a loss"),
        ("bce+", "unknown"),
        ("bce+alm+alm", "twice"),
        ("bce+focal", "a second loss"),
        ("bce+rankrge", "Did you mean 'rankreg'"),
        ("bce+rankreg+replay", "second one"),
        ("bce>bce>bce", "two are the most"),
        ("bce>", "must begin with a loss"),
        ("vs+lct>bce", "first stage would be lost"),
        ("vs+lct+lct-nofilm", "exclude each other"),
        ("bce+sam+pesg", "exclude each other"),
        ("bce+lct", "no part of bce has one that can be drawn"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_the_reason(name: str, words: str) -> None:
    with pytest.raises(MethodError, match=words):
        parse(name)


def test_names_have_one_canonical_form() -> None:
    assert parse(" BCE+balanced+alm ").name == "bce+alm+balanced"
    assert parse("vs+sam+lct").name == parse("vs+lct+sam").name
    assert parse("bce > bce + alm").name == "bce>bce+alm"


def test_a_two_stage_method_has_the_parameters_of_both_stages() -> None:
    method = parse("w-bce>bce+alm")
    assert {"pretrain.share", "pretrain.w-bce.scale", "alm.margin"} <= set(method.parameters)
    given = {"pretrain.w-bce.scale": 0.5, "alm.margin": 0.1}
    assert method.first_stage(given) == {"w-bce.scale": 0.5}
    assert method.option("pretrain")["share"] == 0.5
    assert method.build(given).terms[0].margin == 0.1


@pytest.mark.parametrize("word", [c for c in all_methods() if c.home], ids=lambda c: c.name)
def test_the_registry_names_the_tasks_and_the_conditionable_parameters(word) -> None:
    import importlib

    module, name = word.home.split(":")
    part = getattr(importlib.import_module(module), name)
    assert set(part.tasks) == set(word.tasks)
    drawn = {key for key, parameter in word.parameters.items() if parameter.density}
    assert drawn == set(part.conditionable)
    assert drawn <= set(inspect.signature(part.forward).parameters)


def test_a_combination_that_fits_no_problem_is_refused() -> None:
    from rarecall.methods.components import Component
    from rarecall.methods.grammar import Method, _refuse

    loss = Component("one", "loss", "", tasks=("binary",))
    term = Component("two", "term", "", tasks=("multilabel",))
    with pytest.raises(MethodError, match="one is for binary; two is for multilabel"):
        _refuse("one+two", Method("one+two", loss, (term,)))


@pytest.mark.parametrize("word", [c for c in all_methods() if c.home], ids=lambda c: c.name)
def test_the_registry_lists_every_argument_with_its_default(word) -> None:
    import importlib

    module, name = word.home.split(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    learnt = {"imbalance", "counts"}  # bind() learns it from the training set
    arguments = {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key not in learnt and parameter.default is not inspect.Parameter.empty
    }
    assert {key: p.default for key, p in word.parameters.items()} == arguments
    for key, parameter in word.parameters.items():
        for value in parameter.search or ():
            word.make({**arguments, key: value})


def test_an_unknown_parameter_suggests_the_right_one() -> None:
    with pytest.raises(MethodError, match=r"Did you mean 'alm\.margin'"):
        parse("bce+alm").build({"alm.margn": 0.5})


def test_an_impossible_value_names_the_method() -> None:
    with pytest.raises(MethodError, match=r"'bce\+alm'.*margin"):
        parse("bce+alm").build({"alm.margin": -1.0})


def test_the_control_of_a_rank_regularizer_matches_its_buffer() -> None:
    assert parse("bce").control() is None
    assert parse("a-fl+rankreg").control() == "a-fl"
    counted = {"rankreg.replay_in_base_loss": True}
    assert parse("bce+alm+rankreg").control(counted) == "bce+alm+replay"

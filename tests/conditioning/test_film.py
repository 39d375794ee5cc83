"""Where λ enters a network, and what the network stays good for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from rarecall import TrainStep
from rarecall.conditioning import ConditionedModel, FiLM, LinearDensity
from rarecall.models import save_weights
from rarecall.models.weights import load_weights

from .problem import BOTH, ImageNet, bound, shaken

PLACES = [None, "pool", "norm", "conv"]
IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LAMBDA = torch.tensor([0.6, 1.5])


def net(place: str | None = None, **options: object) -> ConditionedModel:
    torch.manual_seed(0)
    return ConditionedModel(ImageNet(), BOTH, condition_at=place, **options)


@pytest.mark.parametrize("place", PLACES)
def test_it_starts_as_the_identity_whatever_lambda_is(place: str | None) -> None:
    torch.manual_seed(0)
    plain = ImageNet().eval()
    model = net(place).eval()
    assert torch.equal(model(IMAGES, LAMBDA), plain(IMAGES))
    assert torch.equal(model(IMAGES), plain(IMAGES))


def test_without_the_identity_it_starts_at_random_as_the_paper_does() -> None:
    model = net(identity=False).eval()
    assert not torch.equal(model(IMAGES, LAMBDA), net().eval()(IMAGES, LAMBDA))
    sigma, _ = model.film.coefficients(LAMBDA)
    assert sigma.detach().abs().max() < 1  # no 1 is added


@pytest.mark.parametrize("place", PLACES)
def test_lambda_modulates_what_leaves_the_named_layer(place: str | None) -> None:
    model = shaken(net(place)).eval()
    sigma, mu = (part.reshape(-1, 1, 1) for part in model.film.coefficients(LAMBDA))
    inner = model.model
    features = nn.functional.conv2d(IMAGES, inner.conv.weight, inner.conv.bias)
    features = features * sigma + mu if place == "conv" else features
    norm = inner.norm
    features = nn.functional.batch_norm(
        features, norm.running_mean, norm.running_var, norm.weight, norm.bias
    )
    features = features * sigma + mu if place == "norm" else features
    features = torch.relu(features).mean(dim=(2, 3), keepdim=True)
    features = features * sigma + mu if place in ("pool", None) else features
    expected = nn.functional.linear(features.flatten(1), inner.head.weight, inner.head.bias)
    torch.testing.assert_close(model(IMAGES, LAMBDA), expected.squeeze(1))


def test_without_a_condition_the_stored_one_is_used() -> None:
    model = shaken(net()).eval()
    means = torch.tensor([density.mean for density in BOTH.values()])
    torch.testing.assert_close(model.condition, means)
    assert torch.equal(model(IMAGES), model(IMAGES, means))
    model.set_condition({"loss.shift": 1.5, "loss.weight": 0.6})
    assert torch.equal(model(IMAGES), model(IMAGES, LAMBDA))
    assert not torch.equal(model(IMAGES), model(IMAGES, means))
    with pytest.raises(ValueError, match=r"loss\.weight, loss\.shift"):
        model.set_condition({"loss.weight": 0.6})


def test_an_earlier_lambda_leaves_no_trace() -> None:
    model = shaken(net()).eval()
    before = model(IMAGES)
    model(IMAGES, LAMBDA)
    assert torch.equal(model(IMAGES), before)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        model(IMAGES, torch.zeros(4, 2))
    assert torch.equal(model(IMAGES), before)


def test_the_stored_lambda_is_saved_with_the_weights(tmp_path) -> None:
    model = shaken(net()).eval()
    model.set_condition({"loss.weight": 0.6, "loss.shift": 1.5})
    save_weights(model, tmp_path / "weights.safetensors")
    loaded = net().eval()
    load_weights(loaded, tmp_path / "weights.safetensors")
    assert torch.equal(loaded.condition, model.condition)
    assert torch.equal(loaded(IMAGES), model(IMAGES))


@pytest.mark.parametrize("place", PLACES)
def test_a_copy_is_its_own(place: str | None) -> None:
    model = shaken(net(place)).eval()
    copied = copy.deepcopy(model)
    expected = model(IMAGES, LAMBDA)
    assert torch.equal(copied(IMAGES, LAMBDA), expected)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(copied(IMAGES, LAMBDA), expected)
    assert not torch.equal(model(IMAGES, LAMBDA), expected)


@pytest.mark.parametrize("place", PLACES)
def test_members_can_be_stacked_each_with_its_lambda(place: str | None) -> None:
    members = [shaken(net(place)).eval() for _ in range(3)]
    for number, member in enumerate(members):
        with torch.no_grad():
            member.head.weight.add_(number)
    parameters, buffers = stack_module_state(members)
    base = copy.deepcopy(members[0]).to("meta")
    conditions = torch.tensor([[0.3, 0.0], [0.5, 1.0], [0.7, 2.0]])
    stacked = vmap(
        lambda p, b, condition: functional_call(base, (p, b), (IMAGES, condition)),
    )(parameters, buffers, conditions)
    apart = [member(IMAGES, c) for member, c in zip(members, conditions, strict=True)]
    torch.testing.assert_close(stacked, torch.stack(apart))


# The compiler itself looks at `.grad` of a tensor that is not a leaf.
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
@pytest.mark.parametrize("place", [None, "pool"])
def test_the_eager_compiler_draws_and_computes_the_same(place: str | None) -> None:
    torch._dynamo.reset()
    plain, compiled = bound(), bound()
    one, two = shaken(net(place)), shaken(net(place))
    step = torch.compile(TrainStep(two, compiled), backend="aot_eager")
    for _ in range(3):
        batch = (IMAGES, torch.arange(4) % 2, torch.arange(4))
        torch.testing.assert_close(step(batch), plain(one, batch))
        plain.step()
        compiled.step()


def test_under_autocast_lambda_is_not_rounded() -> None:
    model = shaken(net()).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sigma, _ = model.film.coefficients(LAMBDA)
        assert model(IMAGES, LAMBDA).isfinite().all()
    assert torch.equal(sigma, model.film.coefficients(LAMBDA)[0])
    assert sigma.dtype == torch.float32


def test_training_it_without_the_lambda_of_the_loss_is_an_error() -> None:
    model = net().train()
    with pytest.raises(RuntimeError, match=r"model\(\*prepared\.arguments\)"):
        model(IMAGES)
    with torch.no_grad():
        model(IMAGES)  # statistics are estimated in training mode
    model.eval()(IMAGES)


def test_gradients_reach_the_modulation_through_the_objective() -> None:
    objective, model = bound(), net()
    for _ in range(2):
        objective(model, (IMAGES, torch.arange(4) % 2, torch.arange(4))).backward()
        objective.step()
    last = model.film.sigma[2].weight.grad
    assert last is not None
    assert last.abs().sum() > 0


def test_the_head_is_still_found_and_other_attributes_are_those_within() -> None:
    from rarecall.models.surgery import find_layer

    model = net()
    assert find_layer(model, None)[2] is model.model.head
    assert model.pool is model.model.pool
    assert model.forwards == 0
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.nothing


class Functional(nn.Module):
    """Never calls its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(rows, self.head.weight).squeeze(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: net("nowhere"), "no layer 'nowhere'"),
        (lambda: ConditionedModel(net(), BOTH), "takes λ already"),
        (
            lambda: ConditionedModel(
                nn.Sequential(nn.Flatten(), nn.Linear(2, 1)), BOTH, condition_at="0"
            ),
            "channels=",
        ),
        (lambda: net("pool", channels=7)(IMAGES, LAMBDA), r"\(B, 7, ...\), got \(4, 6, 1, 1\)"),
    ],
)
def test_a_place_that_cannot_be_is_refused(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_layer_that_is_never_called_is_told() -> None:
    model = ConditionedModel(Functional(), BOTH)
    with pytest.raises(RuntimeError, match=r"never called the layer.*'head'"):
        model(torch.zeros(3, 2), LAMBDA)


def test_the_channels_of_a_silent_layer_can_be_given() -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0))
    model = ConditionedModel(network, BOTH, condition_at="1", channels=4).eval()
    assert model(torch.zeros(3, 2, 2), LAMBDA).shape == (3,)


def test_one_lambda_may_be_a_point() -> None:
    film = FiLM([(2.0, 2.0)], 3, [2.0])
    assert torch.isfinite(film(torch.ones(1, 3))).all()
    densities = {"loss.weight": LinearDensity(2.0, 2.0)}
    assert ConditionedModel(ImageNet(), densities).condition.tolist() == [2.0]

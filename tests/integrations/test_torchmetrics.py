"""The measures with state: over batches, collections, processes and files."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAUROC

from rarecall import metrics
from rarecall.errors import ConfigurationError, MetricError
from rarecall.integrations import torchmetrics as stateful

MADE = {
    "FPRAtTPR": ({"tpr": 0.9}, metrics.fpr_at_tpr),
    "TPRAtFPR": ({"fpr": 0.1}, metrics.tpr_at_fpr),
    "FPRAtMisses": ({"misses": 2}, metrics.fpr_at_misses),
    "AUC": ({}, metrics.auc),
    "PartialAUC": ({"max_fpr": 0.3, "standardize": True}, metrics.partial_auc),
    "AveragePrecision": ({}, metrics.average_precision),
    "PrecisionAtRecall": ({"recall": 0.8}, metrics.precision_at_recall),
    "FScore": ({"threshold": 0.5, "beta": 2.0}, metrics.f_score),
    "BestFScore": ({"beta": 2.0}, lambda s, y, **a: metrics.best_f_score(s, y, **a).value),
    "BalancedAccuracy": ({"threshold": 0.5}, metrics.balanced_accuracy_at),
    "BestBalancedAccuracy": ({}, lambda s, y, **a: metrics.best_balanced_accuracy(s, y, **a)[0]),
    "GMean": ({"threshold": 0.5}, metrics.g_mean_at),
    "BestGMean": ({}, lambda s, y, **a: metrics.best_g_mean(s, y, **a).value),
    "BrierScore": ({}, metrics.brier_score),
    "CalibrationError": ({"bins": 5, "norm": "l2"}, metrics.calibration_error),
}


def batches(sizes=(40, 1, 60, 30), seed=0):
    """Probabilities, which every measure takes, in float64 and with ties."""
    rng = np.random.default_rng(seed)
    for n in sizes:
        targets = (rng.random(n) < 0.3).astype(int)
        yield torch.tensor(np.round(rng.beta(1 + 2 * targets, 2), 2)), torch.tensor(targets)


def joined(parts):
    return [torch.cat(column).numpy() for column in zip(*parts, strict=True)]


def test_every_class_is_held_to_its_function():
    assert set(stateful.__all__) == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_batches_add_up_to_the_measure_of_all_samples(name):
    arguments, function = MADE[name]
    metric = getattr(stateful, name)(**arguments)
    parts = list(batches())
    for part in parts:
        metric.update(*part)
    value = metric.compute()
    assert (value.dtype, value.shape) == (torch.float64, ())
    assert float(value) == function(*joined(parts), **arguments)
    assert metric.higher_is_better is not None
    assert metric.full_state_update is False


@pytest.mark.parametrize("name", [name for name in MADE if name != "FPRAtMisses"])
def test_weights_reach_the_measure(name):
    arguments, function = MADE[name]
    metric = getattr(stateful, name)(**arguments)
    parts = [(*part, torch.rand(len(part[0])) + 0.5) for part in batches()]
    for part in parts:
        metric.update(*part)
    scores, targets, weights = joined(parts)
    expected = function(scores, targets, weights=weights.astype(np.float64), **arguments)
    assert float(metric.compute()) == expected


@pytest.mark.parametrize("name", MADE)
def test_a_metric_survives_pickling_cloning_and_a_reset(name):
    metric = getattr(stateful, name)(**MADE[name][0])
    parts = list(batches())
    metric.update(*parts[0])
    twins = [pickle.loads(pickle.dumps(metric)), metric.clone()]
    for one in (metric, *twins):
        one.update(*parts[2])
    expected = metric.compute()
    assert all(one.compute() == expected for one in twins)
    metric.reset()
    for part in (parts[0], parts[2]):
        metric.update(*part)
    assert metric.compute() == expected


def test_a_collection_shares_states_and_takes_torchmetrics_own_names():
    collection = MetricCollection(
        {
            "fpr": stateful.FPRAtTPR(0.9),
            "auc": stateful.AUC(),
            "misses": stateful.FPRAtMisses(1),
            "theirs": BinaryAUROC(),
        }
    )
    for preds, target in batches():
        collection.update(preds=preds, target=target)
    values = collection.clone(prefix="test_").compute()
    assert float(values["test_auc"]) == pytest.approx(float(values["test_theirs"]), abs=1e-6)
    assert sorted(map(len, collection.compute_groups.values())) == [1, 3]


def test_raw_scores_are_not_taken_for_probabilities():
    # torchmetrics applies a sigmoid "if the scores look like logits", and ties what lies above 17.
    scores = torch.tensor([30.0, 31.0, 40.0, 50.0, -5.0], dtype=torch.float32)
    targets = torch.tensor([0, 1, 0, 1, 0])
    metric, theirs = stateful.AUC(), BinaryAUROC()
    metric.update(scores, targets)
    theirs.update(scores, targets)
    assert float(metric.compute()) == metrics.auc(scores, targets) == pytest.approx(5 / 6)
    assert float(theirs.compute()) != pytest.approx(5 / 6)


def test_the_states_are_float64_and_no_gradient_and_no_alias_of_the_batch():
    metric = stateful.AUC()
    scores = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    metric.update(scores, torch.tensor([False, True]))
    with torch.no_grad():
        scores.mul_(-1)
    assert metric.compute() == 1.0
    for state in (*metric.scores, *metric.targets):
        assert state.dtype == torch.float64
        assert not state.requires_grad
    half = stateful.AUC()
    half.update(torch.tensor([0.1, 0.2], dtype=torch.bfloat16), torch.tensor([0, 1]))
    assert torch.nn.Sequential(half).half()[0].scores[0].dtype == torch.float64


def test_a_batch_of_one_class_has_no_value_of_its_own_and_loses_nothing():
    metric = stateful.FPRAtTPR(0.9)
    assert torch.isnan(metric(torch.tensor([0.5, 0.1]), torch.tensor([0, 0])))
    assert metric(torch.tensor([0.4, 0.9]), torch.tensor([1, 0])) == 1.0
    assert float(metric.compute()) == pytest.approx(2 / 3)


def test_samples_of_one_class_are_an_error_at_the_end():
    metric = stateful.AUC()
    metric.update(torch.tensor([0.5, 0.1]), torch.tensor([0, 0]))
    with pytest.raises(MetricError, match=r"none of the 2 targets is critical \(1\)"):
        metric.compute()


def test_scores_that_are_not_finite_are_an_error_even_in_a_batch():
    with pytest.raises(MetricError, match="1 of 2 are NaN"):
        stateful.AUC()(torch.tensor([0.5, float("nan")]), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        ([(4, 1), (4,)], "preds"),
        ([(4,), (4, 1)], "target"),
        ([(4,), (3,)], "target"),
        ([(), ()], "preds"),
    ],
)
def test_a_batch_of_another_shape_is_refused_before_it_is_kept(shapes, name):
    metric = stateful.AUC()
    with pytest.raises(MetricError, match=rf"{name} must have shape \(B,\)"):
        metric.update(*(torch.zeros(shape) for shape in shapes))
    assert metric.scores == []


def test_weights_in_some_batches_only_are_refused():
    metric = stateful.AUC()
    metric.update(torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), torch.tensor([1.0, 2.0]))
    metric.update(torch.tensor([0.1, 0.2]), torch.tensor([0, 1]))
    with pytest.raises(MetricError, match="Weights came with 2 of 4 samples"):
        metric.compute()
    with pytest.raises(MetricError, match="FPRAtMisses counts rows"):
        stateful.FPRAtMisses(0).update(torch.ones(2), torch.tensor([0, 1]), torch.ones(2))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("FPRAtTPR", {"tpr": 95}),
        ("TPRAtFPR", {"fpr": -0.1}),
        ("FPRAtMisses", {"misses": 0.5}),
        ("PartialAUC", {}),
        ("PrecisionAtRecall", {"recall": 0}),
        ("BestFScore", {"beta": 0}),
        ("CalibrationError", {"norm": "l7"}),
    ],
)
def test_wrong_arguments_are_told_at_once_and_not_after_an_epoch(name, arguments):
    with pytest.raises(ConfigurationError):
        getattr(stateful, name)(**arguments)


def test_options_of_torchmetrics_are_passed_on():
    assert stateful.FPRAtTPR(0.9, compute_on_cpu=True).compute_on_cpu
    with pytest.raises(ValueError, match="Unexpected keyword"):
        stateful.AUC(treshold=1)


WORKER = """
    import sys
    import numpy as np, torch
    import torch.distributed as dist
    from torchmetrics import MetricCollection
    from rarecall.integrations.torchmetrics import AUC, BrierScore, FPRAtTPR

    rank, folder = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    kept = np.load(f"{folder}/samples.npz")
    metrics = MetricCollection([FPRAtTPR(0.9), AUC(), BrierScore()])
    for number, rows in enumerate(np.array_split(np.arange(len(kept["scores"])), 5)):
        # Three batches here, two there; the last one is torn apart for uneven sizes.
        if number % 2 == rank:
            metrics.update(*(torch.tensor(kept[name][rows]) for name in ("scores", "targets")))
    found = [float(value) for _, value in sorted(metrics.compute().items())]
    local = AUC()
    if rank == 0:
        local.update(torch.tensor(kept["scores"]), torch.tensor(kept["targets"]))
    found.append(float(local.compute()))  # the other process has no sample at all
    metrics.update(torch.tensor([0.5]), torch.tensor([rank]))  # still its own samples afterwards
    found.append(sum(len(part) for part in metrics["AUC"].scores))
    np.save(f"{folder}/{rank}.npy", found)
    dist.destroy_process_group()
"""


def test_two_processes_measure_what_one_does_on_all_samples(tmp_path):
    scores, targets = joined(list(batches((101, 20, 33, 50, 7))))
    np.savez(tmp_path / "samples.npz", scores=scores, targets=targets)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    whole = metrics.auc(scores, targets)
    expected = [
        whole,
        metrics.brier_score(scores, targets),
        metrics.fpr_at_tpr(scores, targets, 0.9),
    ]
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npy")
        np.testing.assert_allclose(found[:3], expected, rtol=0, atol=1e-15)
        assert found[3] == whole
        own = sum(map(len, np.array_split(np.arange(len(scores)), 5)[rank::2]))
        assert found[4] == own + 1


def test_without_torchmetrics_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['torchmetrics'] = None\n"
        "try:\n    import rarecall.integrations.torchmetrics\n"
        "except ImportError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "rarecall[torchmetrics]"' in said.stdout


def test_the_measures_alone_load_neither_torch_nor_torchmetrics():
    code = (
        "import sys, rarecall.metrics, rarecall.integrations\n"
        "print([m for m in ('torch', 'torchmetrics', 'pandas', 'sklearn') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"

"""What some protocols need before data can be drawn: which samples a trained network finds easy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rarecall.files import read_npz, write_atomically
from rarecall.reproduction.drawing import draw
from rarecall.reproduction.encoding import dataset, make_ground
from rarecall.reproduction.plan import Plan
from rarecall.reproduction.training import Job, Trainer
from rarecall.reproduction.units import Unit, slug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from rarecall.reproduction.pools import Pools

HELPER = "CE"
_HARDENED = ("easy", "noisy", "label_noise", "noise_among")


def easy_scores(
    plan: Plan,
    setting: str,
    split: int,
    pools: Pools,
    run: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.float64]:
    """Score the whole training pool with a network trained on the data as it is without easy ones.

    The network is trained with cross-entropy, as the protocol trains; the scores are stored in the
    run folder, so that every worker draws the same samples.

    Raises:
        Interrupted: ``should_stop`` was true.
    """
    folder = run / "helpers" / slug(setting) / f"split-{split}"
    path = folder / "scores.npz"
    if path.exists():
        return read_npz(path)["scores"]
    told = dict(plan["settings"][setting])
    told["imbalance"] = _without(told["imbalance"])
    (manifest, *_) = draw(
        told,
        pools.labels,
        pools.test_labels,
        groups=pools.groups,
        test_groups=pools.test_groups,
        members=1,
        mode=plan.mode,
        split=split,
    )
    ground = make_ground(told, pools, manifest)
    everything = np.arange(len(pools.labels))
    ground = replace(
        ground, test=dataset(pools.train, pools.labels, everything, manifest, ground.task)
    )
    helper = Plan({**plan.description, "rows": {HELPER: {"method": "bce"}}}, (HELPER,), (setting,))
    job = Job(Unit(setting, HELPER, split), ground, folder, should_stop=should_stop)
    scores = Trainer(helper, device=device, threads=threads).train(job).test
    assert scores is not None
    with write_atomically(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, scores=scores)
    return scores


def _without(imbalance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in imbalance.items() if name not in _HARDENED}

"""Small models of every kind as folders: never trained, but certified."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image

from rarecall.calibration import fit_calibrator
from rarecall.data import fit_preprocessor
from rarecall.delivery import scoring_network, steady_scores, write_model
from rarecall.delivery.scoring import portion_rows
from rarecall.methods import parse
from rarecall.models import build_network
from rarecall.roles import Role, TaskScores
from rarecall.thresholds import certify, guaranteed_threshold

SMALL = {"widths": [4, 8]}


def make_frame(rows=600, seed=0):
    """Numbers, a date, a category and a number with gaps; one row in four is critical."""
    random = np.random.default_rng(seed)
    critical = np.arange(rows) % 4 == 0
    frame = pd.DataFrame({
        "amount": np.round(random.lognormal(3, 1, rows) * (1 + critical), 2),
        "age": random.integers(18, 90, rows),
        "gap": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows) + critical),
        "place": random.choice(["north", "south", "east"], rows),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 365, rows), "D"),
        "label": np.where(critical, "fraud", "fine"),
    })  # fmt: skip
    frame["day"] = frame["day"].dt.strftime("%Y-%m-%d")
    return frame


def write(folder, samples, *, method="bce", members=2, options=None, tta="none", **more):
    """Write a model of untrained networks, with a threshold certified on the samples."""
    preprocessor = fit_preprocessor(samples)
    chosen = parse(method)
    objective = chosen.build({}).for_task(samples.task)
    networks = []
    for seed in range(members):
        network = build_network(
            preprocessor.spec, outputs=objective.outputs, seed=seed, options=options
        )
        networks.append(objective.adapt(network))
    inputs = preprocessor.transform(samples)
    portion = portion_rows(preprocessor.spec)
    scores = np.mean(
        [
            steady_scores(
                scoring_network(network, preprocessor.spec), objective, inputs, portion=portion
            )
            for network in networks
        ],
        axis=0,
    )
    whole = TaskScores(
        scores, samples.targets, samples.ids, samples.groups, Role.CALIBRATION, samples.task
    )
    views = {number: whole.view(number) for number in samples.critical_names}
    certificates = {} if tta != "none" else {
        number: certify(view, tpr=0.9, score_name="score") for number, view in views.items()
    }  # fmt: skip
    return write_model(
        folder,
        members=networks,
        seeds=list(range(members)),
        method=method,
        preprocessor=preprocessor,
        options=options,
        task=samples.task,
        critical=samples.critical,
        classes=samples.classes or sorted(samples.class_counts),
        target=samples.target_name,
        thresholds={k: guaranteed_threshold(view, tpr=0.9) for k, view in views.items()},
        certificates=certificates,
        calibrators={k: fit_calibrator(view) for k, view in views.items()},
        data={"name": samples.name, "fingerprint": samples.fingerprint},
        tta=tta,
        **more,
    )


def draw_images(folder, count, *, seed=0, size=12, colour=False):
    """One folder a class; the critical images hold a bright square."""
    random = np.random.default_rng(seed)
    for number in range(count):
        critical = number % 3 == 0
        pixels = random.integers(0, 120, (size, size, 3) if colour else (size, size), np.uint8)
        if critical:
            pixels[2:6, 2:6] = 255
        path = folder / ("ill" if critical else "well") / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder

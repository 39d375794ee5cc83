"""A finished run as it lies on disk, drawn with numpy: no training, the numbers fit the scores."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

LEVELS = (0.90, 0.95, 0.98)
SEPARATION = {
    "bce": 2.1,
    "w-bce": 2.0,
    "bce+balanced": 1.9,
    "a-fl": 2.2,
    "bce+alm": 2.6,
    "bce+rankreg": 1.7,
    "bce+replay": 2.05,
}
PARTS = {
    "train": (4474, 64),
    "validation": (2236, 52),
    "calibration": (2236, 84),
    "test": (2237, 60),
}


def threshold_at(scores, targets, tpr):
    positives = np.sort(scores[targets == 1])[::-1]
    return positives[math.ceil(tpr * len(positives) - 1e-9) - 1]


def fpr_at(scores, targets, tpr):
    return float((scores[targets == 0] >= threshold_at(scores, targets, tpr)).mean())


def area(scores, targets):
    positives, negatives = scores[targets == 1], np.sort(scores[targets == 0])
    return float(np.searchsorted(negatives, positives).mean() / len(negatives))


def resample(targets, rng):
    draws = [rng.choice(np.flatnonzero(targets == c), (targets == c).sum()) for c in (0, 1)]
    return np.concatenate(draws)


def interval(measure, targets, rng, draws=60):
    values = [measure(resample(targets, rng)) for _ in range(draws)]
    return {
        "low": float(np.quantile(values, 0.025)),
        "high": float(np.quantile(values, 0.975)),
        "method": "stratified bootstrap",
    }


def proportion(hits, n):
    half = 1.96 * math.sqrt(max(hits * (n - hits), 1) / n**3) if n else 0.5
    return {
        "value": hits / n,
        "low": max(0.0, hits / n - half),
        "high": min(1.0, hits / n + half),
    }


def draw(separation, n, positives, rng, common):
    targets = np.zeros(n, dtype=np.int64)
    targets[:positives] = 1
    noise = 0.8 * common + 0.6 * rng.normal(size=n)
    return noise + separation * targets - 2.0, targets


def make_method(name, separation, seeds, common, rng, parts, levels):
    members, ensemble = [], {}
    for part, (n, positives) in parts.items():
        if part == "train":
            continue
        drawn = [draw(separation, n, positives, rng, common[part]) for _ in range(seeds)]
        members.append((part, drawn))
        mean = np.mean([scores for scores, _ in drawn], axis=0)
        ids = np.array([f"{part}-{row}" for row in range(n)])
        ensemble |= {
            f"{part}_scores": mean,
            f"{part}_targets": drawn[0][1],
            f"{part}_ids": ids,
        }
    scores, targets = ensemble["test_scores"], ensemble["test_targets"]
    single = [
        {
            "fpr": {f"{level:.2f}": fpr_at(s, t, level) for level in levels},
            "auc": area(s, t),
        }
        for s, t in dict(members)["test"]
    ]
    validation = ensemble["validation_scores"], ensemble["validation_targets"]
    spread = {
        "fpr": {
            key: {
                "mean": float(np.mean([one["fpr"][key] for one in single])),
                "sd": float(np.std([one["fpr"][key] for one in single], ddof=1))
                if seeds > 1
                else None,
            }
            for key in single[0]["fpr"]
        },
        "auc": {
            "mean": float(np.mean([one["auc"] for one in single])),
            "sd": float(np.std([one["auc"] for one in single], ddof=1)) if seeds > 1 else None,
        },
    }
    seconds = 11.0 + 3 * rng.random()
    stored = {
        "name": name,
        "reference": False,
        "parameters": {"alm.margin": 0.25, "alm.penalty": 1e-4} if "alm" in name else {},
        "tuned": False,
        "trials": 0,
        "test": {
            "fpr": {
                f"{level:.2f}": {"value": fpr_at(scores, targets, level)}
                | interval(lambda i, b=level: fpr_at(scores[i], targets[i], b), targets, rng)
                for level in levels
            },
            "auc": {"value": area(scores, targets)}
            | interval(lambda i: area(scores[i], targets[i]), targets, rng),
        },
        "seed_spread": spread,
        "validation": {
            "selection": -fpr_at(*validation, levels[1]),
            "fpr": fpr_at(*validation, levels[1]),
            "auc": area(*validation),
        },
        "difference": None,
        "cost": {
            "seconds": seconds * seeds,
            "tuning_seconds": 0.0,
            "steps": 1500 * seeds,
            "rows": 96000 * seeds,
        },
        "seeds": [
            {
                "seed": number,
                "best_epoch": 7 + number,
                "steps": 1500,
                "seconds": seconds,
                "test": one,
                "validation": {"selection": -0.1, "fpr": {"0.95": 0.1}, "auc": 0.97},
            }
            for number, one in enumerate(single)
        ],
        "remarks": [],
        "scores": f"scores/{name.replace(' ', '-')}.npz",
    }
    return stored, ensemble


def add_difference(stored, scores, base, targets, rng, tpr, comparisons):
    def gap(i):
        return fpr_at(scores[i], targets[i], tpr) - fpr_at(base[i], targets[i], tpr)

    value = gap(np.arange(len(targets)))
    ends = interval(gap, targets, rng)
    clear = ends["high"] < 0 or ends["low"] > 0
    p = 0.004 if clear else 0.4
    verdict = ("lower" if value < 0 else "higher") if clear else "no difference shown"
    stored["difference"] = {
        "value": value,
        "low": ends["low"],
        "high": ends["high"],
        "p_value": p,
        "p_adjusted": min(1.0, p * comparisons),
        "verdict": verdict,
        "words": verdict,
    }


def write_run(folder, *, seeds=5, tpr=0.95, separation=None, parts=None, winner="bce+alm"):
    """Write ``results.json`` and ``scores/`` and return the results."""
    rng = np.random.default_rng(7)
    separation, parts = separation or SEPARATION, parts or PARTS
    common = {part: rng.normal(size=n) for part, (n, _) in parts.items()}
    (folder / "scores").mkdir(parents=True, exist_ok=True)
    methods, ensembles = [], {}
    for name, size in [*separation.items(), ("boosted trees", 2.4)]:
        stored, ensemble = make_method(name, size, seeds, common, rng, parts, LEVELS)
        methods.append(stored)
        ensembles[name] = ensemble
        np.savez(folder / stored["scores"], **ensemble)
    methods[-1] |= {"reference": True, "trials": 1}
    targets = ensembles["bce"]["test_targets"]
    for stored in methods:
        if stored["name"] != "bce":
            scores, base = (ensembles[name]["test_scores"] for name in (stored["name"], "bce"))
            add_difference(stored, scores, base, targets, rng, tpr, len(separation) - 1)
    results = {
        "format": 1,
        "rarecall": "0.1.0",
        "created": "2026-01-15T10:20:30+00:00",
        "data": {
            "name": "mammography",
            "kind": "table",
            "n": sum(n for n, _ in parts.values()),
            "positives": sum(positives for _, positives in parts.values()),
            "critical": "malignant",
            "target": "class",
            "fingerprint": "9f" * 32,
            "notes": ["Column 'exam_no' has a different value in every row: dropped, it may leak."],
            "groups": None,
            "times": None,
            "columns": {
                name: {"kind": "numeric", "missing": 0, "missing_share": 0.0, "distinct": 900 + k}
                for k, name in enumerate(("area", "grey level", "gradient", "noise", "contrast"))
            },
            "class_counts": {"malignant": 260, "benign": 10923},
            "split": {
                "how": "Stratified by class, at random.",
                "seed": 0,
                "parts": {part: {"n": n, "positives": p} for part, (n, p) in parts.items()},
            },
        },
        "question": {
            "tpr": tpr,
            "confidence": 0.95,
            "levels": list(LEVELS),
            "seeds": seeds,
            "tune": 0,
            "baseline": "bce",
        },
        "selection": {"measure": "mean FPR near TPR 0.95", "message": None},
        "methods": methods,
        "winner": {
            "name": winner,
            "why": f"{winner} is the best of {len(separation)} methods on validation.",
        },
        "threshold": make_threshold(ensembles[winner], tpr, parts["calibration"][1]),
        "insights": make_insights(winner, ensembles[winner], tpr, parts["calibration"][1]),
        "config": {
            "data": {"source": "mammography.csv", "target": "class", "critical": "malignant"},
            "methods": list(separation),
            "tpr": tpr,
            "seeds": seeds,
        },
        "environment": {"python": "3.11.2", "torch": "2.13.0", "rarecall": "0.1.0", "threads": 2},
        "limits": ["One data set and one split: another split gives other numbers."],
    }
    save(folder, results)
    return results


def make_threshold(ensemble, tpr, positives):
    needed = math.ceil(math.log(0.05) / math.log(tpr))
    level = 0.99 if positives >= needed else tpr
    value = threshold_at(ensemble["calibration_scores"], ensemble["calibration_targets"], level)
    value = float(value) - 1e-6
    scores, targets = ensemble["test_scores"], ensemble["test_targets"]
    n_positives, n_negatives = int(targets.sum()), int((targets == 0).sum())
    hits = int((scores[targets == 1] >= value).sum())
    alarms = int((scores[targets == 0] >= value).sum())
    return {
        "value": value,
        "tpr": tpr,
        "confidence": 0.95,
        "guaranteed": positives >= needed,
        "n_positives": positives,
        "needed": needed,
        "rank": 1,
        "unit": "row",
        "assumption": "The cases to come resemble those of the calibration part.",
        "statement": "as stored",
        "test": {
            "tpr": proportion(hits, n_positives),
            "fpr": proportion(alarms, n_negatives),
            "misses": n_positives - hits,
            "positives": n_positives,
            "false_alarms": alarms,
            "negatives": n_negatives,
        },
    }


def make_insights(winner, ensemble, tpr, positives, prevalence=0.02):
    """Every piece of the findings beyond the curves, computed with numpy alone."""
    threshold = make_threshold(ensemble, tpr, positives)
    scores, targets = ensemble["test_scores"], ensemble["test_targets"]
    found_tpr, found_fpr = (threshold["test"][rate]["value"] for rate in ("tpr", "fpr"))
    real, false = 1000 * prevalence * found_tpr, 1000 * (1 - prevalence) * found_fpr
    probabilities = 1 / (1 + np.exp(-(2.2 * scores - 5.0)))
    order = np.array_split(np.argsort(probabilities, kind="stable"), 10)
    bins = [
        {"n": len(rows), "mean": float(probabilities[rows].mean())}
        | {("rate" if key == "value" else key): value for key, value in share.items()}
        for rows in order
        if (share := proportion(int(targets[rows].sum()), len(rows)))
    ]
    overall = targets.mean()
    thresholds = np.arange(1, 100) / 990
    odds = thresholds / (1 - thresholds)
    hits = [(targets[probabilities >= t] == 1).sum() for t in thresholds]
    alarms = [(targets[probabilities >= t] == 0).sum() for t in thresholds]
    n = len(targets)

    def group(value, rows):
        positive, negative = rows & (targets == 1), rows & (targets == 0)
        flagged = scores >= threshold["value"]
        return {
            "column": "site", "value": value, "n": int(rows.sum()),
            "positives": int(positive.sum()), "negatives": int(negative.sum()),
            "tpr": proportion(int(flagged[positive].sum()), int(positive.sum())),
            "fpr": proportion(int(flagged[negative].sum()), int(negative.sum())),
            "few": bool(positive.sum() < 10),
        }  # fmt: skip

    def case(row):
        return {
            "id": f"test-{row}", "score": float(scores[row]),
            "margin": float(scores[row] - threshold["value"]), "group": None,
            "row": {"area": f"{row / 7:.4g}", "site": "north", "note": ""}, "thumbnail": None,
        }  # fmt: skip

    rising = np.argsort(scores)
    missed = [row for row in rising if targets[row] and scores[row] < threshold["value"]]
    worst = [row for row in rising[::-1] if not targets[row]][:8]
    return {
        "of": winner,
        "confidence": 0.95,
        "prevalence": {"value": prevalence, "source": "given"},
        "alarms": {
            "per": 1000, "flagged": real + false, "real": real, "false": false,
            "missed": 1000 * prevalence - real, "precision": real / (real + false),
            "threshold": threshold["value"], "tpr": found_tpr, "fpr": found_fpr,
            "source": "calibration",
        },
        "probability": {
            "method": "platt", "fitted_on": "calibration", "n": 2236, "error": 0.012,
            "brier": {
                "value": float(((probabilities - targets) ** 2).mean()),
                "reliability": float(
                    sum(one["n"] * (one["mean"] - one["rate"]) ** 2 for one in bins) / n
                ),
                "resolution": float(
                    sum(one["n"] * (one["rate"] - overall) ** 2 for one in bins) / n
                ),
                "uncertainty": float(overall * (1 - overall)),
            },
            "bins": bins,
        },
        "decision_curve": {
            "thresholds": thresholds.tolist(),
            "model": [float(v) for v in (np.array(hits) - odds * np.array(alarms)) / n],
            "everyone": [float(v) for v in overall - odds * (1 - overall)],
            "prevalence": prevalence,
            "calibrated": True,
        },
        "subgroups": [group(f"s{k}", np.arange(n) % 7 == k) for k in range(7)],
        "misses": [case(row) for row in missed[:8]],
        "false_alarms": [case(row) for row in worst],
        "claims": [
            {"claim": "FPR at TPR 95%", "positives": 60, "negatives": 2177, "enough": False,
             "why": "allows 3 of 60 positives to be missed; 5 are needed"},
            {"claim": "AUC", "positives": 60, "negatives": 2177, "enough": True, "why": "pairs"},
        ],
    }  # fmt: skip


def save(folder, results):
    (folder / "results.json").write_text(json.dumps(results, allow_nan=False))


@pytest.fixture(scope="session")
def stored_run(tmp_path_factory):
    """One realistic run: seven methods, five seeds, boosted trees, a guarantee."""
    folder = tmp_path_factory.mktemp("run")
    return folder, write_run(folder)


@pytest.fixture
def run(stored_run, tmp_path):
    """A copy of the stored run that a test may change: (folder, results, save)."""
    source, results = stored_run
    (tmp_path / "scores").symlink_to(source / "scores")
    results = json.loads(json.dumps(results))
    save(tmp_path, results)
    return tmp_path, results, save

"""Test-time augmentation changes the scores, so it brings thresholds and promises of its own."""

from __future__ import annotations

import numpy as np
import pytest

from rarecall.delivery import TTA, Delivered, augment_model, steady_scores
from rarecall.delivery.augmented import views
from rarecall.errors import ConfigurationError, DataError


@pytest.mark.parametrize("name", ["flip", "flips"])
def test_a_saved_model_averages_its_views(
    image_model, image_model_folder, image_samples, tmp_path, name
):
    out = augment_model(image_model_folder, tmp_path / "m", tta=name, calibration=image_samples)
    model = Delivered.load(out)
    inputs = image_model.preprocessor.transform(image_samples)
    by_hand = [
        [
            steady_scores(member, model.objective, view, portion=model.manifest.portion)
            for view in (inputs.flip(axes) if axes else inputs for axes in TTA[name])
        ]
        for member in model.members
    ]
    ones = [np.mean(views, axis=0).astype(np.float32).astype(np.float64) for views in by_hand]
    np.testing.assert_allclose(model.score(image_samples), np.mean(ones, axis=0), rtol=1e-12)
    assert [len(views) for views in by_hand] == [len(TTA[name])] * 2
    assert not np.array_equal(model.score(image_samples), image_model.score(image_samples))
    assert model.fingerprint != image_model.fingerprint
    assert model.certificate.threshold == model.threshold
    assert model.flag(image_samples)[image_samples.targets == 1].mean() >= 0.9
    assert model.manifest.thresholds[0].choice["tpr"] == 0.9


def test_the_mirror_of_an_image_scores_as_the_image(image_model_folder, image_samples, tmp_path):
    out = augment_model(image_model_folder, tmp_path / "m", tta="flip", calibration=image_samples)
    model = Delivered.load(out)
    inputs = model.preprocessor.transform(image_samples)
    np.testing.assert_allclose(
        model.score_encoded(inputs), model.score_encoded(inputs.flip(-1)), rtol=1e-12
    )


def test_samples_that_were_used_before_are_refused(image_model_folder, image_samples, tmp_path):
    with pytest.raises(DataError, match="used before"):
        augment_model(
            image_model_folder,
            tmp_path / "m",
            tta="flip",
            calibration=image_samples,
            used_before=[image_samples.ids[:3]],
        )
    assert not (tmp_path / "m").exists()


def test_a_table_has_no_mirror(folder, samples, tmp_path):
    with pytest.raises(ConfigurationError, match="mirrors images"):
        augment_model(folder, tmp_path / "m", tta="flip", calibration=samples)


def test_samples_of_another_task_are_refused(image_model_folder, samples, tmp_path):
    with pytest.raises(ConfigurationError, match="another task"):
        augment_model(image_model_folder, tmp_path / "m", tta="flip", calibration=samples)


def test_only_the_image_of_a_pair_is_mirrored():
    import torch

    row = {"image": torch.arange(4).reshape(1, 1, 2, 2), "table": {"numeric": torch.ones(1, 2)}}
    first, second = views("flip", row)
    assert first is row
    assert second["table"] is row["table"]
    assert second["image"].flatten().tolist() == [1, 0, 3, 2]

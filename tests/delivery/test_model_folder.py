"""A model folder says all that is needed, and nothing else is believed."""

from __future__ import annotations

import json
import pickle
import struct

import numpy as np
import pytest
import torch

from rarecall.delivery import Delivered, steady_scores, write_model
from rarecall.delivery.manifest import FORMAT
from rarecall.errors import ConfigurationError, DataError, RunError
from rarecall.files import read_json
from rarecall.models import build_network
from rarecall.thresholds import Certificate
from rarecall.thresholds.certificate_fields import seal

from .problem import SMALL, write


def edited(folder, change, *, sealed=True):
    """Change the manifest, and seal it again as somebody who knows how would."""
    path = folder / "manifest.json"
    content = read_json(path)
    before = content.pop("seal")
    change(content)
    path.write_text(json.dumps({**content, "seal": seal(content) if sealed else before}))
    return folder


def test_a_folder_holds_weights_a_certificate_and_a_manifest_and_no_pickle(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["certificate.json", "manifest.json", "member-0.safetensors",
                     "member-1.safetensors"]  # fmt: skip
    manifest = read_json(folder / "manifest.json")
    assert manifest["format"] == FORMAT
    assert set(manifest["files"]) == set(names) - {"manifest.json"}


def test_a_model_is_the_same_after_reading(model, samples):
    assert model.manifest.method == "bce"
    assert model.classes == ()
    assert model.thresholds == {"fraud": model.threshold}
    assert model.certificate.threshold == model.threshold
    flags = model.flag(samples)
    np.testing.assert_array_equal(flags, model.score(samples) >= model.threshold)
    # As the certificate says, in the samples that it was made from.
    assert flags[samples.targets == 1].mean() >= 0.9
    chances = model.probability(samples)
    order = np.argsort(model.score(samples), kind="stable")
    assert (np.diff(chances[order]) >= 0).all()


def test_an_ensemble_scores_the_mean_of_its_members(model, samples):
    np.testing.assert_allclose(model.score(samples), np.mean(alone(model, samples), 0), rtol=1e-12)


def alone(model, samples):
    inputs = model.preprocessor.transform(samples)
    return [
        steady_scores(member, model.objective, inputs, portion=model.manifest.portion)
        for member in model.members
    ]


def test_members_of_one_group_count_as_one(tmp_path, samples):
    groups = [0, 0, 0, 1, 1, 2]
    model = Delivered.load(
        write(tmp_path / "m", samples, members=6, options={"width": 16}, groups=groups)
    )
    found = np.asarray(alone(model, samples))
    ones = [
        np.mean(found[[group == one for group in groups]], axis=0).astype(np.float32)
        for one in range(3)
    ]
    np.testing.assert_array_equal(
        model.score(samples), np.mean(np.asarray(ones, dtype=np.float64), axis=0)
    )
    by_itself = Delivered.load(write(tmp_path / "n", samples, members=6, options={"width": 16}))
    assert not np.array_equal(by_itself.score(samples), model.score(samples))
    assert by_itself.fingerprint != model.fingerprint


def test_a_model_moves_with_its_folder(folder, copy_of, model, samples):
    np.testing.assert_array_equal(Delivered.load(copy_of(folder)).score(samples),
                                  model.score(samples))  # fmt: skip


def test_several_classes_have_thresholds_and_certificates_of_their_own(several_folder, digits):
    model = Delivered.load(several_folder)
    assert list(model.thresholds) == ["8", "9"]
    assert sorted(model.certificates) == [8, 9]
    assert model.certificate is None
    part = digits.take(np.arange(50))
    assert model.score(part).shape == (50, 10)
    assert model.flag(part).shape == model.probability(part).shape == (50, 2)
    assert set(model.assign(part)) <= set(model.classes)
    with pytest.raises(RunError, match="thresholds"):
        _ = model.threshold


def test_a_binary_model_assigns_no_classes(model, samples):
    with pytest.raises(RunError, match="multi-class"):
        model.assign(samples)


def test_without_a_map_there_are_no_probabilities(model, samples):
    bare = Delivered(model.manifest, model.preprocessor, model.members, model.objective)
    with pytest.raises(ConfigurationError, match="no map"):
        bare.probability(samples)


# Damage -------------------------------------------------------------------------------------------


def test_every_file_is_checked_against_its_hash(folder, copy_of):
    copy = copy_of(folder)
    for name in ("member-1.safetensors", "certificate.json"):
        path = copy / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(RunError, match="SHA-256"):
            Delivered.load(copy)
        path.unlink()
        with pytest.raises(RunError, match=f"lacks {name}"):
            Delivered.load(copy)
        path.write_bytes(content)
    Delivered.load(copy)


def test_a_manifest_cut_off_anywhere_is_told(folder, copy_of):
    copy = copy_of(folder)
    text = (copy / "manifest.json").read_text()
    for share in (0.0, 0.3, 0.9, 0.999):
        (copy / "manifest.json").write_text(text[: int(share * len(text))])
        with pytest.raises(RunError, match=r"manifest\.json is damaged"):
            Delivered.load(copy)


def test_a_changed_threshold_no_longer_fits_the_seal(folder, copy_of):
    def lower(content):
        content["thresholds"][0]["value"] -= 1.0

    with pytest.raises(RunError, match="seal"):
        Delivered.load(edited(copy_of(folder), lower, sealed=False))


def test_a_threshold_changed_with_its_seal_no_longer_fits_the_certificate(folder, copy_of):
    def lower(content):
        content["thresholds"][0]["value"] -= 1.0

    with pytest.raises(RunError, match="another threshold"):
        Delivered.load(edited(copy_of(folder), lower))


def test_a_certificate_of_another_model_is_refused(folder, copy_of):
    def other(content):
        content["preprocessing"]["numbers"][0]["fill"] = 0.123

    with pytest.raises(RunError, match="was issued for model"):
        Delivered.load(edited(copy_of(folder), other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("method"), "'method' is missing"),
        (lambda m: m.update(method=7), "method"),
        (lambda m: m.update(method="no-such-method"), "no-such-method"),
        (lambda m: m.update(extra=1), "'extra' is unknown"),
        (lambda m: m.update(members=[]), "members"),
        (lambda m: m["thresholds"].clear(), "thresholds are not those"),
        (lambda m: m["thresholds"][0].update(number=0), "thresholds are not those"),
        (lambda m: m["members"][0].update(file="../member-0.safetensors"), "members"),
        (lambda m: m["members"][0].update(file="/etc/hostname"), "members"),
        (lambda m: m["files"].pop("member-0.safetensors"), "no SHA-256 of member-0"),
        (lambda m: m.update(tta="rotate"), "no test-time augmentation 'rotate'"),
        (lambda m: m.update(tta="flip"), "mirrors images"),
        (lambda m: m.update(kind="images"), "another kind"),
        (lambda m: m.update(preprocessing={"kind": "table"}), "preprocessing"),
        (lambda m: m["network"]["options"].update(width=2**40), "size"),
        (lambda m: m["network"]["options"].update(width=4), "another network"),
        (lambda m: m["network"].update(name="resnet10"), "does not fit"),
        (lambda m: m.update(calibrators=[{"number": 1, "map": {"format": 1}}]), "calibration map"),
        (lambda m: m.update(portion=0), "portion"),
    ],
)
def test_a_hostile_or_odd_manifest_is_a_clear_error(folder, copy_of, change, message):
    with pytest.raises(RunError, match=message):
        Delivered.load(edited(copy_of(folder), change))


@pytest.mark.parametrize(
    ("form", "message"),
    [(FORMAT + 1, "newer than this"), (1, "Deliver the model again"), ("3", "names no format")],
)
def test_another_format_is_named(folder, copy_of, form, message):
    with pytest.raises(RunError, match=message):
        Delivered.load(edited(copy_of(folder), lambda m: m.update(format=form)))


@pytest.mark.parametrize("text", ["[]", "7", "null", "[" * 100_000, '{"format": NaN}', "\x00"])
def test_what_is_no_manifest_is_told(folder, copy_of, text):
    copy = copy_of(folder)
    (copy / "manifest.json").write_text(text)
    with pytest.raises(RunError, match="damaged"):
        Delivered.load(copy)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(RunError, match="holds no model"):
        Delivered.load(tmp_path)
    with pytest.raises(RunError, match="holds no model"):
        Delivered.load(tmp_path / "nowhere")


class _Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_weights_that_are_a_pickle_execute_nothing(folder, copy_of, tmp_path):
    copy, trace = copy_of(folder), tmp_path / "executed"
    for content in (pickle.dumps(_Trap(trace)), struct.pack("<Q", 2**60) + b"{}"):
        path = copy / "member-0.safetensors"
        path.write_bytes(content)
        from rarecall.delivery.writing import sha256

        digest = sha256(path)
        edited(copy, lambda m, d=digest: m["files"].update({"member-0.safetensors": d}))
        with pytest.raises(RunError, match="Cannot read weights"):
            Delivered.load(copy)
    assert not trace.exists()


# Writing ------------------------------------------------------------------------------------------


def test_a_model_takes_the_place_of_another_and_leaves_nothing_behind(tmp_path, samples):
    target = tmp_path / "model"
    write(target, samples, members=3, options={"width": 8})
    write(target, samples, members=1, options={"width": 8})
    names = sorted(path.name for path in target.iterdir())
    assert names == ["certificate.json", "manifest.json", "member-0.safetensors"]
    assert len(Delivered.load(target).members) == 1


def test_nothing_is_written_into_a_folder_that_holds_something_else(tmp_path, samples):
    (tmp_path / "thesis.txt").write_text("two years")
    with pytest.raises(RunError, match="holds no model"):
        write(tmp_path, samples)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(RunError, match="is a file"):
        write(tmp_path / "thesis.txt", samples)


def test_a_model_whose_writing_stopped_is_no_model_and_may_be_written_again(
    tmp_path, samples, monkeypatch
):
    target = tmp_path / "model"
    write(target, samples, options={"width": 8})

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("rarecall.delivery.writing.save_weights", full)
        with pytest.raises(OSError, match="space"):
            write(target, samples, options={"width": 8})
    with pytest.raises(RunError, match="holds no model"):
        Delivered.load(target)
    write(target, samples, options={"width": 8})
    Delivered.load(target)


def test_a_threshold_for_each_critical_class_is_needed(tmp_path, model):
    given = {
        "members": model.members,
        "method": "bce",
        "preprocessor": model.preprocessor,
        "critical": "fraud",
        "classes": ["fine", "fraud"],
    }
    with pytest.raises(ConfigurationError, match="threshold for each"):
        write_model(tmp_path / "model", thresholds={}, **given)


def test_the_certificate_of_another_threshold_is_not_delivered(tmp_path, samples, folder, model):
    certificate = Certificate.load(folder / "certificate.json")

    class Elsewhere:
        value, statement = certificate.threshold + 1.0, "elsewhere"

        @staticmethod
        def to_dict():
            return {"value": certificate.threshold + 1.0}

    from dataclasses import replace

    with pytest.raises(RunError, match="is about the threshold"):
        write_model(
            tmp_path / "model",
            members=model.members,
            method="bce",
            preprocessor=model.preprocessor,
            thresholds={1: Elsewhere()},
            certificates={1: replace(certificate, model_fingerprint=None)},
            critical="fraud",
            classes=["fine", "fraud"],
            options={"width": 16},
        )


def test_networks_in_memory_and_files_of_weights_give_the_same_model(tmp_path, folder, samples):
    model = Delivered.load(folder)
    spec = model.preprocessor.spec
    networks = [build_network(spec, seed=seed, options={"width": 16}) for seed in range(2)]
    for network, member in zip(networks, model.members, strict=True):
        with torch.no_grad():
            network.load_state_dict(member.state_dict())
    own = write_model(
        tmp_path / "model",
        members=networks,
        method="bce",
        preprocessor=model.preprocessor,
        thresholds={1: _choice(model)},
        critical="fraud",
        classes=["fine", "fraud"],
        options={"width": 16},
    )
    again = Delivered.load(own)
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.score(samples), model.score(samples))


def _choice(model):
    class Same:
        value, statement = model.threshold, "same"

        @staticmethod
        def to_dict():
            return {"value": model.threshold}

    return Same()


def test_samples_of_another_table_are_refused(model, samples):
    from dataclasses import replace

    with pytest.raises(DataError, match="not here: 'age'"):
        model.score(replace(samples, features=samples.features.drop(columns="age")))


def test_images_are_written_and_read_alike(image_model, image_samples):
    assert image_model.manifest.kind == "images"
    assert image_model.manifest.network.options == SMALL
    assert image_model.score(image_samples).shape == (len(image_samples),)

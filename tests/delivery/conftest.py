"""One model of every kind for all tests of delivery."""

from __future__ import annotations

import shutil

import pytest
import torch

from rarecall.data import load
from rarecall.delivery import Delivered

from .problem import SMALL, draw_images, make_frame, write


@pytest.fixture(scope="session")
def frame():
    return make_frame()


@pytest.fixture(scope="session")
def table(tmp_path_factory, frame):
    path = tmp_path_factory.mktemp("tables") / "claims.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def samples(table):
    return load(table, target="label", critical="fraud")


@pytest.fixture(scope="session")
def folder(tmp_path_factory, samples):
    return write(tmp_path_factory.mktemp("models") / "table", samples, options={"width": 16})


@pytest.fixture(scope="session")
def model(folder):
    return Delivered.load(folder)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    return draw_images(tmp_path_factory.mktemp("images"), 90)


@pytest.fixture(scope="session")
def image_samples(image_folder):
    return load(image_folder, critical="ill")


@pytest.fixture(scope="session")
def image_model_folder(tmp_path_factory, image_samples):
    return write(tmp_path_factory.mktemp("models") / "images", image_samples, options=SMALL)


@pytest.fixture(scope="session")
def image_model(image_model_folder):
    return Delivered.load(image_model_folder)


@pytest.fixture(scope="session")
def digits():
    return load("digits", critical=["8", "9"])


@pytest.fixture(scope="session")
def several_folder(tmp_path_factory, digits):
    return write(tmp_path_factory.mktemp("models") / "several", digits, method="ce", options=SMALL)


@pytest.fixture
def copy_of(tmp_path):
    """Copy a model folder, to be damaged."""

    def copy(folder):
        target = tmp_path / "copied"
        shutil.copytree(folder, target)
        return target

    return copy


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

"""Every family where Keras' default is float64."""

import keras
import numpy as np
import pytest

from .conftest import MODELS
from .marks import but_slow

FAST = {"spline_flow", "binary_made"}


@pytest.fixture
def wide():
    """Layers and numbers are float64 unless they say otherwise."""
    choose("float64")
    yield
    choose("float32")


def choose(dtype):
    """Sets both: Keras keeps the policy of the first layer that it made."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


@pytest.mark.filterwarnings("ignore:.* generates slowly")
@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("name", but_slow([*MODELS], {*MODELS} - FAST))
def test_every_family_trains_and_answers(name, make_case):
    case = make_case(name)
    model = case.make("adam")
    x, y = case.rows(case, 0, 16)
    logs = model.fit(x, y, batch_size=8, verbose=0, validation_data=(x, y)).history
    assert all(np.isfinite(values).all() for values in logs.values())
    told = {} if y is None else {"condition": y}
    if hasattr(model, "fit_latent_density"):
        model.fit_latent_density(x)
    if hasattr(model, "sample"):
        assert len(model.sample(16, seed=0, **told)) == 16
    for verb in ("log_prob", "elbo", "encode", "reconstruct", "restore"):
        if hasattr(model, verb):
            found = getattr(model, verb)(x, **told)
            assert found.dtype in (np.float32, np.int32)  # of values, and of tokens
            assert np.isfinite(found).all()

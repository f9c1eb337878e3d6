"""The solvers beside the schedulers of diffusers, on the same levels and noise."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import samplers, schedules

REFERENCE = json.loads(Path(__file__).with_name("diffusers.json").read_text())
SOLVERS = {
    "ddim": samplers.DDIM(),
    "ancestral": samplers.DDIM(eta=1.0),
    "2m": samplers.DPMSolver2M(),
    "sde_2m": samplers.DPMSolver2M(stochastic=True),
    "unipc": samplers.UniPC(),
    "euler": samplers.DDIM(),
    "heun": samplers.Heun(),
}


def epsilon(x, sigma):
    """The guess of the noise in `diffusers_reference.py`."""
    return 0.5 * x + 0.3 * x / (1 + x * x) + 0.1 * sigma


@pytest.mark.parametrize("name", SOLVERS)
def test_the_sample_is_that_of_diffusers(name):
    alpha, sigma = np.array(REFERENCE[name]["levels"]).T
    times = np.arange(len(alpha), -1, -1) / len(alpha)
    levels = samplers.Levels(times, np.append(alpha, 1), np.append(sigma, 0))
    program = SOLVERS[name](levels, schedules.VarianceExploding())
    known = [tf.constant(v) for v in (program.alpha, program.sigma)]

    def denoise(x, i):
        alpha, sigma = (tf.gather(v, i) for v in known)
        return (x - sigma * epsilon(x, sigma)) / alpha

    noise = tf.constant(REFERENCE["noise"], tf.float64)
    start = np.array(REFERENCE["start"])
    begin = tf.constant(start * (sigma[0] if name in ("euler", "heun") else 1))
    found = samplers.run(program, denoise, begin, lambda i: noise[i])
    expected = np.array(REFERENCE[name]["sample"])
    assert np.abs(expected - begin).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

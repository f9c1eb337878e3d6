"""The VQ-VAE and the Pix2Pix of PyTorch are those of keras_gen: three equal steps."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent
STEPS, ROWS = 3, 12
START = """
import sys
import numpy as np
recipe, path, (steps, rows) = sys.argv[1], sys.argv[2], map(int, sys.argv[3:])
"""
# PyTorch pads a halving on all sides, Keras at the end alone. Both are the same for
# images that are mirrored in both directions, with mirrored kernels.
KERAS = (
    START
    + """
import keras
import keras_gen as kg
from keras_gen.random import batch_noise
from keras_worker import KerasTrainer

def weights(network, flip):
    for weight, layer in [(w, l) for l in network.layers for w in l.weights]:
        value = weight.numpy()
        if value.ndim == 4:
            is_doubling = isinstance(layer, kg.networks.DoublingConvolution)
            value = value.transpose((2, 3, 0, 1) if is_doubling else (3, 2, 0, 1))
            value = value[..., ::-1, ::-1] if flip else value
        yield np.ascontiguousarray(value)

trainer = KerasTrainer()
trainer.build(recipe, rows)
model, flip = trainer.model, recipe == "vqvae_mnist"
networks = (model.encoder, model.decoder) if flip else (
    model.generator, model.discriminator)
for network in networks:
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
data = trainer.data
kept = {"x": data[0], "source": data[-1]}
found = [value for network in networks for value in weights(network, flip)]
kept |= {f"weight_{i:02}": value for i, value in enumerate(found)}
if flip:
    kept["x"] = np.ascontiguousarray(data[0][:, ::-1, ::-1])
    kept["vectors"] = model.quantizer.codebook.numpy()[0]
    places = model.latent.size
    for step in range(steps):
        drawn = batch_noise(model.seed, data[0], step)
        drawn = drawn.uniform((model.quantizer.num_draws,), 0)[0].numpy()
        row, place = np.divmod((drawn * rows * places).astype(int), places)
        mirrored = row * places + places - 1 - place
        kept[f"uniform_{step}"] = np.float32((mirrored + 0.5) / (rows * places))
how = {"batch_size": rows, "epochs": steps, "shuffle": False}
history = model.fit(*data, **how, verbose=0).history
if flip:
    kept["losses"], kept["made"] = history["loss"], model.quantizer.codebook.numpy()[0]
else:
    players = history["discriminator_loss"], history["generator_loss"]
    kept["losses"] = np.sum(players, 0)
    kept["made"] = np.concatenate([v.ravel() for v in weights(model.average, flip)])
np.savez(path, **kept)
"""
)
TORCH = (
    START
    + """
import torch
from torch_worker import TorchTrainer
from torch import nn

kept = dict(np.load(path))
trainer = TorchTrainer("eager")
trainer.build(recipe, rows)
task = trainer.task
flip = recipe == "vqvae_mnist"
for module in task.modules():
    if isinstance(module, nn.Dropout):
        module.p = 0.0
found = [value for name, value in sorted(kept.items()) if name.startswith("weight_")]
with torch.no_grad():
    for parameter, value in zip(task.parameters(), found, strict=True):
        parameter.copy_(torch.from_numpy(value))
    if flip:
        task.model.codebook.vectors.copy_(torch.from_numpy(kept["vectors"]))
x, source = task.rows(kept["x"]), task.rows(kept["source"])
if flip:
    given = [(x, torch.from_numpy(kept[f"uniform_{i}"])) for i in range(steps)]
else:
    given = [(x, source)] * steps
losses = [float(task.step(*arguments)) for arguments in given]
with torch.no_grad():
    if flip:
        made = task.model.codebook.vectors
    else:
        made = torch.cat([value.ravel() for value in task.average])
np.savez(path + ".torch.npz", losses=losses, made=made.numpy())
"""
)


def run(code, *arguments):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=FOLDER, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vqvae_mnist", "pix2pix_emoji"])
def test_both_train_alike(recipe, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "kept.npz"
    run(KERAS, recipe, path, STEPS, ROWS)
    run(TORCH, recipe, path, STEPS, ROWS)
    ours, theirs = np.load(path), np.load(f"{path}.torch.npz")
    np.testing.assert_allclose(theirs["losses"], ours["losses"], rtol=1e-4)
    # Either of two codes may be found that are nearly as near, and Adam's epsilon has
    # another place in Keras, which shows where gradients are small.
    differences = np.abs(theirs["made"] - ours["made"])
    assert np.quantile(differences, 0.9) < 5e-5  # a step moves a weight by 2e-4

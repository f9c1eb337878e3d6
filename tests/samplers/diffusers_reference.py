"""Writes what the schedulers of diffusers make of fixed inputs: `diffusers.json`.

    pip install torch==2.13.0 diffusers==0.42.1
    python tests/samplers/diffusers_reference.py

In a process without TensorFlow, which does not share one with PyTorch.
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import torch

STEPS = 12
RNG = np.random.default_rng(0)
START = RNG.normal(size=(3, 4))
NOISE = RNG.normal(size=(STEPS, 3, 4))
BETAS = {"num_train_timesteps": 1000, "beta_schedule": "linear"}
ZERO = {**BETAS, "final_sigmas_type": "zero"}
MULTISTEP = diffusers.DPMSolverMultistepScheduler
PRESERVING = {
    "ddim": (diffusers.DDIMScheduler(**BETAS, clip_sample=False), {"eta": 0.0}),
    "ancestral": (diffusers.DDIMScheduler(**BETAS, clip_sample=False), {"eta": 1.0}),
    "2m": (MULTISTEP(**ZERO), {}),
    "sde_2m": (MULTISTEP(**ZERO, algorithm_type="sde-dpmsolver++"), {}),
    "unipc": (diffusers.UniPCMultistepScheduler(**ZERO, solver_order=2), {}),
}
EXPLODING = {
    "euler": diffusers.EulerDiscreteScheduler(**BETAS),
    "heun": diffusers.HeunDiscreteScheduler(**BETAS),
}


def epsilon(x, sigma):
    """A wavy guess of the noise."""
    return 0.5 * x + 0.3 * x / (1 + x * x) + 0.1 * sigma


def preserving(scheduler, options):
    """Levels and sample of a variance-preserving scheduler."""
    scheduler.set_timesteps(STEPS)
    powers = scheduler.alphas_cumprod.double().numpy()
    levels, x = [], torch.from_numpy(START)
    for noise, t in zip(NOISE, scheduler.timesteps, strict=True):
        alpha, sigma = np.sqrt(powers[int(t)]), np.sqrt(1 - powers[int(t)])
        levels.append((alpha, sigma))
        if isinstance(scheduler, diffusers.UniPCMultistepScheduler):
            fresh = {}
        else:
            fresh = {"variance_noise": torch.from_numpy(noise)}
        guess = epsilon(x, sigma)
        x = scheduler.step(guess, t, x, **options, **fresh).prev_sample
    return levels, x


def exploding(scheduler):
    """The same of a scheduler in units of sigma."""
    scheduler.set_timesteps(STEPS)
    sigmas = scheduler.sigmas.double().numpy()
    levels, x = [], torch.from_numpy(START) * sigmas[0]
    for i, t in enumerate(scheduler.timesteps):
        levels.append((1.0, sigmas[i]))
        x = scheduler.step(epsilon(x, sigmas[i]), t, x).prev_sample
    return list(dict.fromkeys(levels)), x


def main():
    """Writes the file beside this one."""
    found = {k: preserving(*v) for k, v in PRESERVING.items()}
    found |= {k: exploding(v) for k, v in EXPLODING.items()}
    cases = {
        name: {"levels": np.array(levels).tolist(), "sample": x.tolist()}
        for name, (levels, x) in found.items()
    }
    inputs = {"start": START.tolist(), "noise": NOISE.tolist()}
    path = Path(__file__).with_name("diffusers.json")
    path.write_text(json.dumps({"version": diffusers.__version__, **inputs, **cases}))


if __name__ == "__main__":
    main()

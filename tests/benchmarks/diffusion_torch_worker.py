"""diffusers: the usual U-Net, `diffusion_torch_worker.py eager|compile`.

Both with what PyTorch has to be asked for: `channels_last` memory and the fused Adam.
A new permutation indexes the images in every epoch; sampling is the loop of
`DDIMPipeline` without its progress bar, in inference mode. Under `compile`, the network
is compiled as a whole, in training with its loss, for each batch size.
"""

import sys

sys.modules["torchvision"] = None  # spared: it has to match the version of torch

import torch  # noqa: E402
from diffusers import (  # noqa: E402
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    UNet2DModel,
)
from diffusion_worker import LEARNING_RATE, DiffusionTrainer  # noqa: E402
from torch.nn import functional  # noqa: E402
from worker import BATCH_SIZE, serve  # noqa: E402

SCHEDULERS = {
    "ddim": DDIMScheduler(clip_sample=False),
    "dpm++2m": DPMSolverMultistepScheduler(),
}


def unet():
    return UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=16,
        resnet_time_scale_shift="scale_shift",
    ).to(memory_format=torch.channels_last)


class TorchDiffusion(DiffusionTrainer):
    def __init__(self, mode):
        self.mode = mode

    def make(self, seed):
        torch.manual_seed(seed)
        network = unet()
        self.network = self.prepare(network)
        self.loss = self.prepare(
            lambda x, t, noise: functional.mse_loss(network(x, t).sample, noise)
        )
        weights = list(network.parameters())
        self.optimizer = torch.optim.Adam(weights, LEARNING_RATE, fused=True)
        rows = torch.from_numpy(2 * self.x - 1).permute(0, 3, 1, 2)
        self.rows = rows.contiguous(memory_format=torch.channels_last)
        return sum(w.numel() for w in weights)

    def prepare(self, function):
        """The function, compiled unless the mode is eager."""
        if self.mode == "eager":
            return function
        return torch.compile(function, dynamic=False)

    def epochs(self, epochs):
        scheduler = SCHEDULERS["ddim"]
        for _ in range(epochs):
            for rows in torch.randperm(len(self.rows)).split(BATCH_SIZE):
                x = self.rows[rows]
                noise = torch.randn_like(x)
                t = torch.randint(scheduler.config.num_train_timesteps, (len(x),))
                self.optimizer.zero_grad(set_to_none=True)
                self.loss(scheduler.add_noise(x, noise, t), t, noise).backward()
                self.optimizer.step()

    @torch.inference_mode()
    def draw(self, batch_size, solver, steps):
        """Images in [0, 1], `(batch_size, 28, 28, 1)`."""
        scheduler = SCHEDULERS[solver]
        scheduler.set_timesteps(steps)
        x = torch.randn(batch_size, 1, 28, 28)
        x = x.contiguous(memory_format=torch.channels_last)
        for t in scheduler.timesteps:
            x = scheduler.step(self.network(x, t).sample, t, x).prev_sample
        return (x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


if __name__ == "__main__":
    serve(TorchDiffusion(sys.argv[1]))

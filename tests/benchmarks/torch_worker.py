"""PyTorch: the same networks and losses, `torch_worker.py eager|compile|tuned`.

The images are float tensors that a new permutation indexes in every epoch, which is
faster than any DataLoader; under `compile`, forward pass, loss and backward pass
are compiled as a whole, for each batch size; of a GAN and of Pix2Pix, the generator and
the loss of each player. Adam is PyTorch's default on a CPU; `tuned` is `compile` with
what has to be asked for: the fused Adam, and `channels_last` memory for convolutions.
"""

import sys

import torch
from torch import nn
from torch.nn import functional
from torch_gan import PAIRS, Game
from torch_images import TASKS
from worker import Trainer, serve


def cross_entropy(logits, x):
    """Nats per image, mean over the batch."""
    losses = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return losses / len(x)


def dense(*sizes):
    layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    pairs = [module for layer in layers for module in (layer, nn.ReLU())]
    return nn.Sequential(*pairs[:-1])


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = dense(784, 256, 64), dense(64, 256, 784)

    def forward(self, x):
        return cross_entropy(self.decoder(self.encoder(x)), x)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = dense(784, 400, 40), dense(20, 400, 784)

    def forward(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / len(x)
        return cross_entropy(self.decoder(z), x) + kl


MODELS = {"autoencoder_mnist": Autoencoder, "vae_mnist": VAE}


def glorot(module):
    """The initialisation of a Keras `Dense` layer."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class Descent(nn.Module):
    """A model that minimises its own loss, with its Adam.

    Args:
        recipe: Name of the recipe.
        prepare: What compiles a function, or returns it as it is.
        options: Further options of Adam.
    """

    def __init__(self, recipe, prepare, **options):
        super().__init__()
        self.model = MODELS[recipe]()
        self.loss = prepare(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, **options)

    def rows(self, images):
        return torch.from_numpy(images).reshape(-1, 784)

    def step(self, x):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class TorchTrainer(Trainer):
    def __init__(self, mode):
        self.mode = mode

    def make(self, recipe, seed, init):
        torch.manual_seed(seed)
        fused = {"fused": True} if self.mode == "tuned" else {}
        kind = Game if recipe in PAIRS else TASKS.get(recipe, Descent)
        self.task = kind(recipe, self.prepare, **fused)
        if init == "glorot":
            self.task.apply(glorot)
        self.rows = [self.task.rows(images) for images in self.data]
        if self.mode == "tuned" and self.rows[0].ndim == 4:
            last = torch.channels_last
            self.task.to(memory_format=last)
            self.rows = [rows.to(memory_format=last) for rows in self.rows]
        return sum(weights.numel() for weights in self.task.parameters())

    def prepare(self, function):
        """The function, compiled unless the mode is eager."""
        if self.mode == "eager":
            return function
        return torch.compile(function, dynamic=False)

    def epochs(self, epochs):
        for _ in range(epochs):
            total = torch.zeros(())
            for chosen in torch.randperm(len(self.rows[0])).split(self.batch_size):
                total += self.task.step(*[rows[chosen] for rows in self.rows])

    @torch.no_grad()
    def score(self):
        """Mean test loss, nats per image, of a model with a loss of its own."""
        return float(self.task.model(self.task.rows(self.test)))


if __name__ == "__main__":
    serve(TorchTrainer(sys.argv[1]))

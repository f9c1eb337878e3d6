"""PyTorch: the same networks and losses, `torch_worker.py eager|compile|tuned`.

The images are one float tensor that a new permutation indexes in every epoch, which
is faster than any DataLoader; under `compile`, forward pass, loss and backward pass
are compiled as a whole, for each batch size. Adam is PyTorch's default on a CPU;
`tuned` is `compile` with the fused Adam, which has to be asked for.
"""

import sys

import torch
from torch import nn
from torch.nn import functional
from worker import BATCH_SIZE, Trainer, serve


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


class TorchTrainer(Trainer):
    def __init__(self, mode):
        self.mode = mode

    def make(self, recipe, seed, init):
        torch.manual_seed(seed)
        self.rows = torch.from_numpy(self.x.reshape(-1, 784))
        self.model = MODELS[recipe]()
        if init == "glorot":
            self.model.apply(glorot)
        fused = {"fused": True} if self.mode == "tuned" else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, **fused)
        self.loss = self.model
        if self.mode in ("compile", "tuned"):
            self.loss = torch.compile(self.model, dynamic=False)
        return sum(weights.numel() for weights in self.model.parameters())

    def epochs(self, epochs):
        for _ in range(epochs):
            total = torch.zeros(())
            for rows in torch.randperm(len(self.rows)).split(BATCH_SIZE):
                self.optimizer.zero_grad(set_to_none=True)
                loss = self.loss(self.rows[rows])
                loss.backward()
                self.optimizer.step()
                total += loss.detach()

    @torch.no_grad()
    def score(self):
        """Mean test loss, nats per image."""
        return float(self.model(torch.from_numpy(self.test.reshape(-1, 784))))


if __name__ == "__main__":
    serve(TorchTrainer(sys.argv[1]))

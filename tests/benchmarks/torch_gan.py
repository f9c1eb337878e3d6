"""PyTorch: the pairs of the GAN recipes and their game.

A step draws noise once and generates once, as PyTorch's own DCGAN example does: the
discriminator learns from real images and the detached fakes, then the generator from
the same fakes and the updated discriminator, whose weights get no gradient then.
Images lie in [-1, 1].
"""

import torch
from torch import nn
from torch.nn import functional

LATENT_DIM = 100
IMAGE_SIZE = 28
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)


def leaky(*sizes):
    """Dense layers with LeakyReLU 0.2 between them."""
    layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    pairs = [module for layer in layers for module in (layer, nn.LeakyReLU(0.2))]
    return nn.Sequential(*pairs[:-1])


def dense_pair():
    """Generator and discriminator of rows of 784 values."""
    generator = leaky(LATENT_DIM, 256, 512, 1024, IMAGE_SIZE**2)
    return generator.append(nn.Tanh()), leaky(IMAGE_SIZE**2, 512, 256, 1)


def doubled(before, after, *, bias):
    """Layers that double the size: nearest resize and a 3x3 convolution."""
    convolution = nn.Conv2d(before, after, 3, padding="same", bias=bias)
    return [nn.Upsample(scale_factor=2), convolution]


def convolutional_pair(channels=(32, 64)):
    """Generator and discriminator of images `(n, 1, 28, 28)`, mirrors of each other.

    Args:
        channels: Of the discriminator's strided 4x4 convolutions; all but the first
            have batch normalisation, and no bias then.
    """
    widths, size = channels[::-1], IMAGE_SIZE // 2 ** len(channels)
    layers = [nn.Linear(LATENT_DIM, size**2 * widths[0], bias=False)]
    layers += [nn.Unflatten(1, (widths[0], size, size))]
    layers += [nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [*doubled(a, b, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    generator = [*layers, *doubled(widths[-1], 1, bias=True), nn.Tanh()]

    layers = []
    for a, b in zip((1, *channels), channels, strict=False):
        norm = [nn.BatchNorm2d(b)] if layers else []
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=not norm), *norm]
        layers += [nn.LeakyReLU(0.2)]
    layers += [nn.Flatten(), nn.Linear(size**2 * channels[-1], 1)]
    return nn.Sequential(*generator), nn.Sequential(*layers)


PAIRS = {  # networks, shape of their images
    "gan_mnist": (dense_pair, (IMAGE_SIZE**2,)),
    "dcgan_mnist": (convolutional_pair, (1, IMAGE_SIZE, IMAGE_SIZE)),
}


def cross_entropy(logits, target):
    """Mean over the batch, nats; the target is 1 for real and 0 for fake."""
    targets = torch.full_like(logits, target)
    return functional.binary_cross_entropy_with_logits(logits, targets)


class Game(nn.Module):
    """Both players of a recipe, each with its Adam.

    Args:
        recipe: Name of the recipe.
        prepare: What compiles a function, or returns it as it is.
        options: Further options of Adam.
    """

    def __init__(self, recipe, prepare, **options):
        super().__init__()
        build, self.image_shape = PAIRS[recipe]
        self.generator, self.discriminator = build()
        self.generate = prepare(self.generator)
        self.discriminator_loss = prepare(self._discriminator_loss)
        self.generator_loss = prepare(self._generator_loss)
        self.optimizers = [
            torch.optim.Adam(player.parameters(), LEARNING_RATE, BETAS, **options)
            for player in (self.discriminator, self.generator)
        ]

    def rows(self, images):
        """Images in [-1, 1] from those in [0, 1]."""
        return torch.from_numpy(images).reshape(-1, *self.image_shape) * 2 - 1

    def step(self, x):
        """Both losses, added, of one step of both players."""
        fake = self.generate(torch.randn(len(x), LATENT_DIM))
        first, second = self.optimizers
        first.zero_grad(set_to_none=True)
        loss = self.discriminator_loss(x, fake.detach())
        loss.backward()
        first.step()
        self.discriminator.requires_grad_(requires_grad=False)
        second.zero_grad(set_to_none=True)
        other = self.generator_loss(fake)
        other.backward()
        second.step()
        self.discriminator.requires_grad_(requires_grad=True)
        return loss.detach() + other.detach()

    def _discriminator_loss(self, x, fake):
        real = cross_entropy(self.discriminator(x), 1.0)
        return real + cross_entropy(self.discriminator(fake), 0.0)

    def _generator_loss(self, fake):
        return cross_entropy(self.discriminator(fake), 1.0)

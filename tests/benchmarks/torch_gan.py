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


def upsampling(before, after, kernel_size, *, transposed, bias):
    """Layers that double the size: a transposed convolution, or a resize and one."""
    if transposed:
        sizes = {"padding": (kernel_size - 1) // 2, "output_padding": kernel_size % 2}
        layer = nn.ConvTranspose2d
        return [layer(before, after, kernel_size, stride=2, bias=bias, **sizes)]
    convolution = nn.Conv2d(before, after, kernel_size, padding="same", bias=bias)
    return [nn.Upsample(scale_factor=2), convolution]


def convolutional_pair(
    *,
    kernel_size=4,
    generator_channels=(128, 64),
    discriminator_channels=(64, 128),
    transposed=True,
    bias_before_norm=False,
):
    """Generator and discriminator of images `(n, 1, 28, 28)`.

    Args:
        kernel_size: Of all convolutions.
        generator_channels: From the dense layer to that before the image.
        discriminator_channels: From the first convolution to that before the head;
            all but the first have batch normalisation.
        transposed: Transposed convolutions, else nearest resize and convolution.
        bias_before_norm: Whether layers before batch normalisation have a bias.
    """
    bias, channels = bias_before_norm, generator_channels
    size = IMAGE_SIZE // 2 ** len(channels)
    layers = [nn.Linear(LATENT_DIM, size**2 * channels[0], bias=bias)]
    layers += [nn.Unflatten(1, (channels[0], size, size))]
    layers += [nn.BatchNorm2d(channels[0]), nn.ReLU()]
    for a, b in zip(channels, channels[1:], strict=False):
        layers += upsampling(a, b, kernel_size, transposed=transposed, bias=bias)
        layers += [nn.BatchNorm2d(b), nn.ReLU()]
    layers += upsampling(channels[-1], 1, kernel_size, transposed=transposed, bias=True)
    generator = nn.Sequential(*layers, nn.Tanh())

    channels = (1, *discriminator_channels)
    size = IMAGE_SIZE // 2 ** len(discriminator_channels)
    options, layers = {"stride": 2, "padding": (kernel_size - 1) // 2}, []
    for a, b in zip(channels, channels[1:], strict=False):
        norm = [nn.BatchNorm2d(b)] if layers else []
        bias = bias_before_norm or not norm
        layers += [nn.Conv2d(a, b, kernel_size, bias=bias, **options), *norm]
        layers += [nn.LeakyReLU(0.2)]
    head = nn.Linear(size**2 * channels[-1], 1)
    return generator, nn.Sequential(*layers, nn.Flatten(), head)


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

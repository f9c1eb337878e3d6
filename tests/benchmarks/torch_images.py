"""PyTorch: the VQ-VAE and the Pix2Pix of the benchmark.

The networks have the same layers and weights as those of keras_gen, and a step does
the same work: the codebook follows its moving average and rare codes restart; the
discriminator moves, then the generator, then the moving average of its weights. Only
the means that keras_gen logs besides the losses are left out.
"""

import math

import torch
from torch import nn
from torch.nn import functional

CODES, WIDTH, SCALE = 512, 32, 0.1
DECAY, RESTART_BELOW = 0.99, 0.05
SLOPE = 0.2
EPSILON = 1e-7  # of Adam in Keras
L1_WEIGHT, EMA_DECAY, WARM_UP = 100.0, 0.999, 10


class Residual(nn.Sequential):
    """A residual block that keeps the size."""

    def __init__(self, width):
        inner = nn.Conv2d(width, width // 2, 3, padding=1)
        outer = nn.Conv2d(width // 2, width, 1)
        super().__init__(nn.ReLU(), inner, nn.ReLU(), outer)

    def forward(self, x):
        return x + super().forward(x)


def doubled(before, after):
    """Layers that repeat each pixel and convolve."""
    return [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1)]


class Doubling(nn.Conv2d):
    """The same as `doubled` in one transposed convolution, as keras_gen computes it.

    It has the weights of the convolution of side 3, and takes half of the time.
    """

    def __init__(self, before, after):
        super().__init__(before, after, 3)
        taps = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
        self.register_buffer("taps", taps)

    def forward(self, x):
        kernel = torch.einsum("xa,yb,oiab->ioxy", self.taps, self.taps, self.weight)
        return functional.conv_transpose2d(x, kernel, self.bias, 2, padding=1)


def spatial_pair(channels=(32, 64), width=WIDTH, blocks=2):
    """Encoder and decoder of images `(n, 1, 28, 28)`."""
    layers = []
    for a, b in zip((1, *channels), channels, strict=False):
        layers += [nn.Conv2d(a, b, 3, 2, padding=1), nn.ReLU()]
    last = channels[-1]
    layers += [nn.Conv2d(last, last, 3, padding=1)]
    layers += [*(Residual(last) for _ in range(blocks)), nn.ReLU()]
    encoder = [*layers, nn.Conv2d(last, width, 1)]

    layers = [nn.Conv2d(width, last, 3, padding=1)]
    layers += [Residual(last) for _ in range(blocks)]
    for a, b in zip(channels[::-1], (*channels[-2::-1], 1), strict=True):
        layers += [nn.ReLU(), Doubling(a, b)]
    return nn.Sequential(*encoder), nn.Sequential(*layers)


class Codebook(nn.Module):
    """Vectors that follow the moving average of those that they stand for."""

    def __init__(self, codes=CODES, width=WIDTH):
        super().__init__()
        self.register_buffer("vectors", 0.05 * torch.randn(codes, width))
        self.register_buffer("uses", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, width))

    def forward(self, z):
        """The number of the nearest vector of each row."""
        squares = self.vectors.square().sum(1)
        return torch.addmm(squares, z, self.vectors.T, alpha=-2).argmin(1)

    def follow(self, z, codes, uniform):
        """Moves the vectors; random numbers choose new places for rare codes."""
        rows = (uniform * len(z)).long().clamp(max=len(z) - 1)
        found = torch.zeros_like(self.uses).index_add(0, codes, torch.ones(len(z)))
        uses = self.uses.lerp(found, 1 - DECAY)
        found = torch.zeros_like(self.sums).index_add(0, codes, z)
        sums = self.sums.lerp(found, 1 - DECAY)
        usual = uses.mean()
        is_rare = uses < RESTART_BELOW * usual
        uses = torch.where(is_rare, usual, uses)
        sums = torch.where(is_rare[:, None], usual * z[rows], sums)
        self.uses.copy_(uses)
        self.sums.copy_(sums)
        self.vectors.copy_(sums / uses[:, None])


class VQVAE(nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.encoder, self.decoder = spatial_pair(**sizes)
        self.codebook = Codebook()

    def forward(self, x, uniform):
        """Nats per image and the commitment loss, means over the batch."""
        z = self.encoder(x)
        rows = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
        seen = rows.detach()
        codes = self.codebook(seen)
        made = self.codebook.vectors[codes]
        straight = rows + (made - seen)
        n, width, *sides = z.shape
        straight = straight.reshape(n, *sides, width).permute(0, 3, 1, 2)
        mean = torch.sigmoid(self.decoder(straight))
        squares = ((x - mean) / SCALE).square().sum() / n / 2
        constant = math.log(SCALE) + math.log(2 * math.pi) / 2
        commitment = (rows - made).square().sum() / n
        with torch.no_grad():
            self.codebook.follow(seen, codes, uniform)
        return squares + constant * x[0].numel() + commitment


class VectorQuantization(nn.Module):
    """The VQ-VAE with its Adam.

    Args:
        recipe: Name of the recipe.
        prepare: What compiles a function, or returns it as it is.
        options: Further options of Adam.
    """

    def __init__(self, recipe, prepare, **options):
        super().__init__()
        del recipe
        self.model = VQVAE()
        self.loss = prepare(self.model)
        how = {"eps": EPSILON, **options}
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, **how)

    def rows(self, images):
        return images_of(images)

    def step(self, x, uniform=None):
        """The loss of one step."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, torch.rand(CODES) if uniform is None else uniform)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def images_of(images):
    """Images `(n, height, width, channels)` in PyTorch's order of axes."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def normalized(width):
    """Instance normalization with scale and shift."""
    return nn.GroupNorm(width, width)


class UNet(nn.Module):
    """The generator: images to images in [-1, 1]."""

    def __init__(self, channels=(16, 32, 64, 128), dropout=0.5):
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for a, b in zip((3, *channels), channels, strict=False):
            layers = [nn.Conv2d(a, b, 4, 2, padding=1)]
            layers += [normalized(b)] if self.down else []
            self.down.append(nn.Sequential(*layers, nn.LeakyReLU(SLOPE)))
        before = channels[-1]
        for place, width in enumerate((*channels[-2::-1], channels[0])):
            layers = [*doubled(before, width), normalized(width)]
            layers += [nn.Dropout(dropout)] if not place else []
            self.up.append(nn.Sequential(*layers, nn.ReLU()))
            before = width + (3, *channels)[len(channels) - 1 - place]
        self.last = nn.Conv2d(before, 3, 3, padding=1)

    def forward(self, y):
        kept = []
        for layer in self.down:
            kept.append(y)
            y = layer(y)
        for layer in self.up:
            y = torch.cat([layer(y), kept.pop()], 1)
        return torch.tanh(self.last(y))


class Patches(nn.Sequential):
    """The discriminator: translations and their sources to logits of patches."""

    def __init__(self, channels=(16, 32, 64)):
        layers = []
        for a, b in zip((6, *channels), channels, strict=False):
            how = {"padding": "same"} if b == channels[-1] else {"padding": 1}
            layers += [nn.Conv2d(a, b, 4, 1 if b == channels[-1] else 2, **how)]
            layers += [normalized(b)] if len(layers) > 1 else []
            layers += [nn.LeakyReLU(SLOPE)]
        super().__init__(*layers, nn.Conv2d(channels[-1], 1, 4, padding="same"))

    def forward(self, x, source):
        return super().forward(torch.cat([x, source], 1))


class Translation(nn.Module):
    """Both players of Pix2Pix, each with its Adam, and the generator's average.

    Args:
        recipe: Name of the recipe.
        prepare: What compiles a function, or returns it as it is.
        options: Further options of Adam.
    """

    def __init__(self, recipe, prepare, **options):
        super().__init__()
        del recipe
        self.generator, self.discriminator = UNet(), Patches()
        self.generate = prepare(self.generator)
        self.discriminator_loss = prepare(self._discriminator_loss)
        self.generator_loss = prepare(self._generator_loss)
        how = {"betas": (0.5, 0.999), "eps": EPSILON, **options}
        self.optimizers = [
            torch.optim.Adam(player.parameters(), 2e-4, **how)
            for player in (self.discriminator, self.generator)
        ]
        self.average, self.steps = None, 0

    def rows(self, images):
        """Images in [-1, 1] from those in [0, 1]."""
        return images_of(images) * 2 - 1

    def step(self, x, source):
        """Both losses, added, of one step of both players."""
        if self.average is None:  # now that the weights have their memory format
            self.average = [w.detach().clone() for w in self.generator.parameters()]
        made = self.generate(source)
        first, second = self.optimizers
        first.zero_grad(set_to_none=True)
        loss = self.discriminator_loss(x, made.detach(), source)
        loss.backward()
        first.step()
        self.discriminator.requires_grad_(requires_grad=False)
        second.zero_grad(set_to_none=True)
        other = self.generator_loss(x, made, source)
        other.backward()
        second.step()
        self.discriminator.requires_grad_(requires_grad=True)
        self._move_average()
        return loss.detach() + other.detach()

    def _discriminator_loss(self, x, made, source):
        real, fake = self.discriminator(x, source), self.discriminator(made, source)
        return (functional.softplus(-real) + functional.softplus(fake)).mean()

    def _generator_loss(self, x, made, source):
        fooled = functional.softplus(-self.discriminator(made, source)).mean()
        return fooled + L1_WEIGHT * (x - made).abs().mean()

    @torch.no_grad()
    def _move_average(self):
        share = 1 - min(EMA_DECAY, (1 + self.steps) / (WARM_UP + self.steps))
        torch._foreach_lerp_(self.average, [*self.generator.parameters()], share)
        self.steps += 1


TASKS = {"vqvae_mnist": VectorQuantization, "pix2pix_emoji": Translation}

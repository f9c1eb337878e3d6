"""PyTorch: nanoGPT's setting for a CPU, and an LSTM; `... eager|compile`.

The transformer has nanoGPT's parts: learned positions, layer normalization and dense
layers without biases, GELU, PyTorch's fused attention, output weights tied to the
embedding; AdamW with weight decay 0.1 of matrices, gradients clipped at norm 1, a
learning rate of 1e-3 after 100 steps that falls to 1e-4 by a cosine. It generates as
nanoGPT does, by the last 64 tokens read anew for each token; the LSTM carries its
state. Under `compile`, the network is compiled with its loss, and to generate.
"""

import math
import sys

import torch
from language_worker import (
    BATCH_SIZE,
    CONTEXT,
    DEPTH,
    HEADS,
    UNITS,
    VOCABULARY,
    WIDTH,
    LanguageTrainer,
)
from torch import nn
from torch.nn import functional
from worker import serve

RATE, LOWEST, WARMUP, DECAY, CLIP = 1e-3, 1e-4, 100, 0.1, 1.0
CANDIDATES = 200


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, bias=False) for _ in "ab")
        self.joint = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.read = nn.Linear(WIDTH, WIDTH, bias=False)
        self.hidden = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.out = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        rows, length, _ = x.shape
        parts = self.joint(self.norms[0](x)).split(WIDTH, dim=2)
        heads = [p.view(rows, length, HEADS, -1).transpose(1, 2) for p in parts]
        read = functional.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.read(read.transpose(1, 2).reshape(x.shape))
        return x + self.out(functional.gelu(self.hidden(self.norms[1](x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        self.apply(normal)
        for block in self.blocks:
            for layer in (block.read, block.out):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * DEPTH))

    def forward(self, tokens, state=None):
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        x = self.norm(self.blocks(x))
        return functional.linear(x, self.tokens.weight), state


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.lstm = nn.LSTM(WIDTH, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, VOCABULARY)

    def forward(self, tokens, state=None):
        x, state = self.lstm(self.tokens(tokens), state)
        return self.head(x), state


def normal(module):
    """nanoGPT's initialisation."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


class TorchLanguage(LanguageTrainer):
    def __init__(self, mode):
        self.mode = mode

    def make(self, model, steps, seed):
        torch.manual_seed(seed)
        network = {"transformer": Transformer, "lstm": Lstm}[model]()
        self.is_recurrent = model == "lstm"
        self.network = self.prepare(network)
        self.loss = self.prepare(
            lambda x, y: functional.cross_entropy(
                network(x)[0].flatten(0, 1), y.flatten()
            )
        )
        self.weights = list(network.parameters())
        matrices = [w for w in self.weights if w.dim() > 1]
        others = [w for w in self.weights if w.dim() < 2]
        groups = [{"params": matrices, "weight_decay": DECAY}]
        groups += [{"params": others, "weight_decay": 0.0}] if others else []
        self.optimizer = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.99))
        self.step, self.steps = 0, steps
        self.rows = torch.from_numpy(self.train_rows).long()
        return sum(w.numel() for w in self.weights)

    def prepare(self, function):
        """The function, compiled unless the mode is eager."""
        return function if self.mode == "eager" else torch.compile(function)

    def rate(self):
        """Of the next step."""
        if self.step < WARMUP:
            return RATE * (self.step + 1) / (WARMUP + 1)
        share = min(1, (self.step - WARMUP) / max(1, self.steps - WARMUP))
        return LOWEST + (RATE - LOWEST) * (1 + math.cos(math.pi * share)) / 2

    def epoch(self):
        for rows in self.rows.split(BATCH_SIZE):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate()
            self.loss(rows[:, :-1], rows[:, 1:]).backward()
            nn.utils.clip_grad_norm_(self.weights, CLIP)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.step += 1

    @torch.no_grad()
    def write(self, num):
        tokens, state, last = torch.zeros((1, 1), dtype=torch.long), None, None
        for _ in range(num):
            shown = last if self.is_recurrent and last is not None else tokens
            logits, state = self.network(shown[:, -CONTEXT:], state)
            logits = logits[:, -1]
            kept = logits.topk(min(CANDIDATES, VOCABULARY)).values[:, -1:]
            logits = logits.masked_fill(logits < kept, -math.inf)
            last = torch.multinomial(logits.softmax(dim=-1), 1)
            tokens = torch.cat((tokens, last), dim=1)
        return tokens

    @torch.no_grad()
    def losses(self):
        rows = torch.from_numpy(self.test_rows).long()
        parts = []
        for part in rows.split(256):
            logits = self.network(part[:, :-1])[0].transpose(1, 2)
            parts.append(
                functional.cross_entropy(logits, part[:, 1:], reduction="none")
            )
        return torch.cat(parts).numpy()


if __name__ == "__main__":
    serve(TorchLanguage(sys.argv[1]))

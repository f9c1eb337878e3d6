"""zuko: the same flows, `flow_torch_worker.py eager|compile`.

A new permutation indexes the rows in every epoch. Under `compile`, the loss with its
backward pass is compiled as a whole, for each batch size, and so is sampling.
"""

import copy
import sys

import numpy as np
import torch
import zuko
from flow_worker import (
    BATCH_SIZE,
    BINS,
    LAYERS,
    LEARNING_RATE,
    UNITS,
    FlowTrainer,
)
from worker import serve


class TorchFlow(FlowTrainer):
    def __init__(self, mode):
        self.mode = mode

    def make(self, model, seed):
        torch.manual_seed(seed)
        options = {"bins": BINS} if model == "NSF" else {}
        self.flow = getattr(zuko.flows, model)(
            self.x.shape[1],
            transforms=LAYERS[model],
            hidden_features=UNITS,
            **options,
        )
        self.mean, self.std = self.x.mean(axis=0), self.x.std(axis=0)
        self.rows = self.standardized(self.x)
        self.loss = self.prepare(lambda x: -self.flow().log_prob(x).mean())
        self.sampler = self.prepare(lambda num: self.flow().sample((num,)))
        self.optimizer = torch.optim.Adam(self.flow.parameters(), LEARNING_RATE)
        return sum(weights.numel() for weights in self.flow.parameters())

    def prepare(self, function):
        """The function, compiled unless the mode is eager."""
        if self.mode == "eager":
            return function
        return torch.compile(function, dynamic=False)

    def standardized(self, x):
        return torch.from_numpy((x - self.mean) / self.std)

    def epochs(self, epochs):
        for _ in range(epochs):
            for rows in torch.randperm(len(self.rows)).split(BATCH_SIZE):
                self.optimizer.zero_grad(set_to_none=True)
                self.loss(self.rows[rows]).backward()
                self.optimizer.step()

    @torch.no_grad()
    def draw(self, num):
        self.sampler(num).numpy() * self.std + self.mean

    @torch.no_grad()
    def log_prob(self, x):
        standard = self.flow().log_prob(self.standardized(x)).numpy()
        return standard - np.log(self.std).sum()

    def weights(self):
        return copy.deepcopy(self.flow.state_dict())

    def restore(self, weights):
        self.flow.load_state_dict(weights)


if __name__ == "__main__":
    serve(TorchFlow(sys.argv[1]))

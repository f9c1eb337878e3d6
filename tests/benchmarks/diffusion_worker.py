"""What the diffusion models of both frameworks share; see `worker.py`."""

from worker import Trainer, images, seconds_of

SOLVERS = ("ddim", "dpm++2m")
LEARNING_RATE = 1e-3


class DiffusionTrainer(Trainer):
    """A subclass writes `make`, `epochs` and `draw`."""

    def build(self, rows, seed=0):
        """A new model and its training images, float32 `(rows, 28, 28, 1)`.

        Returns:
            The number of trainable weights.
        """
        self.x = next(images())[:rows]
        return self.make(seed)

    def sample(self, batch_size, calls, solver, steps):
        """Seconds that so many calls took, each for a batch of images."""

        def draw():
            for _ in range(calls):
                self.draw(batch_size, solver, steps)

        return seconds_of(draw)

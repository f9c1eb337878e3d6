"""CycleGAN as a stranger writes it: two sets without pairs, and four networks."""

import keras
from keras import ops
from pix2pix import LOSS, PAINTED, WARM, live, patches, squares, unet

import keras_gen as kg

COLD = [[0.6, 0.9, 0.1], [0.1, 0.5, 0.9]]


@keras.saving.register_keras_serializable("growth")
class CycleGAN(kg.capabilities.Translates, kg.GenerativeModel):
    """Two sets without pairs: `fit(kg.Unpaired(painted, others))`; Zhu et al. 2017."""

    arguments = ("painter", "back", "judge", "judge_back")
    draws_translations = False
    paired = False

    def __init__(self, painter, back, judge, judge_back, **kwargs):
        players = kg.Player("judge", judge), kg.Player("judge_back", judge_back)
        how = {"ema_decay": 0.9}
        players += kg.Player("painter", painter, **how), kg.Player("back", back, **how)
        sets = {"inputs": PAINTED, "condition": PAINTED}
        super().__init__(**sets, players=players, signed=True, **kwargs)
        self.painter, self.back = painter, back
        self.judge, self.judge_back = judge, judge_back

    def turns(self, x, condition, noise, *, training):
        """Both painters move on one loss, then each judge on its own."""
        a, b = self.scale.inward(x), self.condition_scale.inward(condition)
        made_a, made_b = self.painter(b), self.back(a)
        fooled = LOSS.generator(self.judge(made_a))
        fooled += LOSS.generator(self.judge_back(made_b))
        cycle = ops.abs(self.back(made_a) - b) + ops.abs(self.painter(made_b) - a)
        same = ops.abs(self.painter(a) - a) + ops.abs(self.back(b) - b)
        terms = {"cycle": ops.mean(cycle), "identity": ops.mean(same)}
        loss = ops.mean(fooled) + 10 * terms["cycle"] + 5 * terms["identity"]
        yield ("painter", "back"), {"painters_loss": loss, **terms}
        loss = LOSS.discriminator(self.judge(a), self.judge(made_a))
        yield "judge", {"judge_loss": ops.mean(loss)}
        loss = LOSS.discriminator(self.judge_back(b), self.judge_back(made_b))
        yield "judge_back", {"judge_back_loss": ops.mean(loss)}

    def translate_rows(self, x, seed=None):
        """Others in the colours of `painted`; see `Translates.translate`."""
        return kg.rows.run_rows(self, self.painted, {"x": (x, self.source)})

    def painted(self, x):
        """The same of tensors."""
        made = self.network_of("painter")(self.condition_scale.inward(x))
        return self.scale.outward(made)


if __name__ == "__main__":
    sets = kg.Unpaired(squares(800, 1, *WARM), squares(560, 2, *COLD))
    unseen = squares(64, 3, *COLD), squares(64, 3, *WARM)
    networks = unet(3), unet(3), patches(3), patches(3)
    live(lambda: CycleGAN(*networks, seed=0), (sets,), *unseen)

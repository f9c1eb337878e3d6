"""Translation: the losses of the papers, the history, and refusals."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import keras_gen as kg
from keras_gen.objectives.history import History
from keras_gen.random import RowNoise

GREY, COLOUR = (8, 8, 1), (8, 8, 3)


@pytest.fixture(autouse=True)
def seeded():
    random.seed(0)


def rows(number, shape, seed=0):
    return np.random.default_rng(seed).random((number, *shape), "float32")


def pix2pix(**options):
    networks = kg.networks.pix2pix(GREY, COLOUR, channels=(4, 8), patch_channels=(4, 8))
    return kg.Pix2Pix(*networks, seed=0, **options)


def cycle_gan(source=COLOUR, **options):
    how = {"channels": (4, 8), "blocks": 1, "patch_channels": (4, 8)}
    return kg.CycleGAN(*kg.networks.cycle_gan(source, COLOUR, **how), seed=0, **options)


def terms_of(model, x, source):
    noise = RowNoise(tf.range(len(x)), tf.constant(0))
    tensors = tf.constant(x), tf.constant(source)
    terms = model.loss_terms(*tensors, noise, training=False)
    return {name: float(value) for name, value in terms.items()}


def signed(x):
    return 2 * x - 1


def softplus(x):
    return np.log1p(np.exp(x))


def test_losses_of_pix2pix_are_those_of_the_paper():
    model, x, source = pix2pix(l1_weight=7.0), rows(5, COLOUR), rows(5, GREY, 1)
    terms = terms_of(model, x, source)
    made = model.generator(signed(source)).numpy()
    real, fake = (
        model.discriminator([image, signed(source)]).numpy()
        for image in (signed(x), made)
    )
    l1 = np.abs(signed(x) - made).mean()
    expected = softplus(-real).mean() + softplus(fake).mean()
    assert terms["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
    expected = softplus(-fake).mean() + 7 * l1
    assert terms["generator_loss"] == pytest.approx(expected, rel=1e-5)
    assert terms["l1"] == pytest.approx(np.abs(x - (made + 1) / 2).mean(), rel=1e-5)
    got = model.translate(source)
    np.testing.assert_allclose(got, (made + 1) / 2, atol=1e-6)


def test_losses_of_a_cycle_gan_are_those_of_the_paper():
    model, x, source = cycle_gan(), rows(5, COLOUR), rows(5, COLOUR, 1)
    terms = terms_of(model, x, source)
    x, source = signed(x), signed(source)
    forth, back = (
        lambda image, net=net: net(image).numpy()
        for net in (model.generator, model.back_generator)
    )
    judge, judge_back = (
        lambda image, net=net: net(image).numpy()
        for net in (model.discriminator, model.back_discriminator)
    )

    def error(a, b):
        return np.abs(a - b).mean()

    made, made_back = forth(source), back(x)
    cycle = error(forth(made_back), x) + error(back(made), source)
    same = error(forth(x), x) + error(back(source), source)
    fooled = ((judge(made) - 1) ** 2).mean() + ((judge_back(made_back) - 1) ** 2).mean()
    scale = float(kg.LeastSquares().generator(tf.constant([0.0]))[0])
    expected = scale * fooled + 10 * cycle + 5 * same
    assert terms["generators_loss"] == pytest.approx(expected, rel=1e-5)
    assert terms["cycle"] == pytest.approx(cycle / 2, rel=1e-5)
    assert terms["identity"] == pytest.approx(same / 2, rel=1e-5)
    for name, net, real, fake in (
        ("discriminator_loss", judge, x, made),
        ("back_discriminator_loss", judge_back, source, made_back),
    ):
        apart = ((net(real) - 1) ** 2).mean() + (net(fake) ** 2).mean()
        assert terms[name] == pytest.approx(scale * apart / 2, rel=1e-5)


@keras.saving.register_keras_serializable("tests")
class Same(layers.Layer):
    """The identity, with a weight that has no effect."""

    def build(self, shape):
        self.unused = self.add_weight((), name="unused")
        self.built = True

    def call(self, x):
        return x + 0 * self.unused


def same():
    x = keras.Input(COLOUR)
    return keras.Model(x, ops.tanh(ops.arctanh(ops.clip(Same()(x), -0.999, 0.999))))


def test_cycle_and_identity_losses_of_identity_maps_are_zero():
    judges = cycle_gan().discriminator, cycle_gan().back_discriminator
    model = kg.CycleGAN(same(), same(), *judges, seed=0)
    inner = 0.01 + 0.98 * rows(4, COLOUR)
    terms = terms_of(model, inner, inner[::-1].copy())
    assert terms["cycle"] == pytest.approx(0, abs=1e-6)
    assert terms["identity"] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(model.translate(inner), inner, atol=1e-6)
    np.testing.assert_allclose(model.translate_back(inner), inner, atol=1e-6)


def fed(history, number, batch):
    """Feeds numbered examples, and yields each batch with what came back."""
    for step in range(number):
        new = np.arange(step * batch, (step + 1) * batch, dtype="float32")[:, None] + 1
        noise = RowNoise(tf.range(batch) + 100 * step, tf.constant(step))
        yield new, history.mixed(tf.constant(new), noise, 0).numpy()


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_history_returns_new_examples_until_it_is_full_then_old_ones_too(batch):
    history, kept, exchanged, seen = History(6, (1,)), [], 0, 0
    for new, mixed in fed(history, 60, batch):
        for one, got in zip(new[:, 0], mixed[:, 0], strict=True):
            if seen < 6:
                assert got == one
            elif got != one:
                assert got in kept  # an example that was stored before this batch
                exchanged += 1
            seen += 1
        stored = history.stored.numpy()[:, 0]
        back = set(mixed[:, 0]) - set(new[:, 0])
        assert set(kept) - set(stored) == back  # what came back left the history
        kept = sorted(stored[stored > 0])
        assert len(kept) == min(6, seen)
        assert len(set(kept)) == len(kept)
    share = exchanged / (60 * min(batch, 6))
    assert share == pytest.approx(0.5, abs=0.2)


def test_a_history_of_size_0_changes_nothing():
    for new, mixed in fed(History(0, (1,)), 3, 4):
        np.testing.assert_array_equal(new, mixed)


@pytest.mark.slow
@pytest.mark.long
def test_a_saved_history_goes_on_as_it_would(assert_same_state):
    sets = kg.Unpaired(rows(12, COLOUR), rows(20, COLOUR, 1))

    def trained(model, epochs, first=0):
        how = {"epochs": epochs, "initial_epoch": first, "verbose": 0}
        model.fit(sets, batch_size=4, **how)
        return model

    def compiled():
        random.seed(0)
        how = {"channels": (2, 2), "blocks": 1, "patch_channels": (2,)}
        networks = kg.networks.cycle_gan(COLOUR, **how)
        model = kg.CycleGAN(*networks, history_size=3, seed=0)
        model.compile(jit_compile=False)
        return model

    whole = trained(compiled(), 2)
    half = trained(compiled(), 1)
    path = "half.keras"
    half.save(path)
    again = trained(keras.saving.load_model(path), 2, first=1)
    stored = [h.stored.numpy() for h in whole._histories]
    assert all(np.abs(one).min(axis=(1, 2, 3)).max() > 0 for one in stored)
    assert len(whole.optimizer.players) == 4
    assert_same_state(whole, again)  # weights, histories, four optimizers, counts


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_innermost_place_of_a_u_net_tells_of_the_picture():
    """Normalized over itself alone, a single place would be 0 for all pictures."""
    generator, judge = kg.networks.pix2pix(
        GREY, channels=(4, 4, 4), patch_channels=(4, 4, 4, 4, 4)
    )
    single = [x.output for x in generator.layers if x.output.shape[1:3] == (1, 1)]
    inner = keras.Model(generator.input, single[-1])(rows(5, GREY)).numpy()
    assert np.ptp(inner, axis=0).min() > 1e-4
    single = [x.output for x in judge.layers if x.output.shape[1:3] == (1, 1)]
    pair = [rows(5, GREY), rows(5, GREY, 1)]
    inner = keras.Model(judge.inputs, single[-1])(pair).numpy()
    assert np.ptp(inner, axis=0).max() > 1e-4


def test_identity_is_0_between_other_kinds_of_images():
    model = cycle_gan(GREY)
    assert model.identity_weight == 0
    assert "identity" not in terms_of(model, rows(2, COLOUR), rows(2, GREY))
    with pytest.raises(ValueError, match=r"identity_weight must be 0 .* received 1.0"):
        cycle_gan(GREY, identity_weight=1.0)


WRONG = {
    "weight": (lambda: pix2pix(l1_weight=-1), "l1_weight must be >= 0, received -1"),
    "cycle": (lambda: cycle_gan(cycle_weight=np.nan), "cycle_weight must be a finite"),
    "history": (lambda: cycle_gan(history_size=-1), "history_size must be"),
    "judge": (
        lambda: kg.Pix2Pix(pix2pix().generator, cycle_gan().discriminator),
        r"discriminator must take \(8, 8, 3\) and \(8, 8, 1\), received a model of \(8",
    ),
    "back": (
        lambda: kg.CycleGAN(
            pix2pix().generator,
            pix2pix().generator,
            *(getattr(cycle_gan(), f"{which}discriminator") for which in ("", "back_")),
        ),
        "back_generator must translate Images.* received one from",
    ),
    "sides": (
        lambda: kg.networks.pix2pix((12, 12, 1), channels=(4, 4, 4)),
        "halved 3 times: the sides must be multiples of 8, such as 8x8 or 16x16",
    ),
    "shapes": (
        lambda: kg.networks.cycle_gan((8, 8, 1), (16, 16, 1)),
        "same height and width, received",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_pairs_of_unlike_counts_are_refused():
    model = pix2pix()
    model.compile()
    with pytest.raises(ValueError, match="5.*4|4.*5"):
        model.fit(rows(5, COLOUR), rows(4, GREY), verbose=0)
    with pytest.raises(TypeError, match="translate takes x alone, received condition"):
        model.translate(rows(2, GREY), condition=1)

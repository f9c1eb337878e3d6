"""Two sets without pairs as examples: their order, their checks, `fit` with them."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_gen as kg

A = (np.arange(5 * 4, dtype="float32") / 100).reshape((5, 2, 2, 1))
B = (np.arange(12 * 4, dtype="float32") / 100).reshape((12, 2, 2, 1))
IMAGES = kg.specs.Images(2, 2, 1)


def pairs(examples, rows):
    """Numbers of the examples of both sets."""
    a, b = examples.fetch(np.asarray(rows))
    return a.numpy()[:, 0, 0, 0] * 25, b.numpy()[:, 0, 0, 0] * 25


@keras.saving.register_keras_serializable("tests")
class Nearer(kg.GenerativeModel):
    """Moves a picture towards both sets; the terms tell which rows it was given."""

    paired = False

    def __init__(self, condition=IMAGES, **kwargs):
        super().__init__(IMAGES, condition=condition, **kwargs)
        self.picture = self.add_weight((2, 2, 1), "zeros", name="picture")

    def loss_terms(self, x, condition, noise, *, training):
        loss = ops.mean((x - self.picture) ** 2 + (condition + self.picture) ** 2)
        return {"loss": loss, "a": ops.mean(x), "b": ops.mean(condition)}


def make(**how):
    model = Nearer(seed=3, **how)
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    return model


@pytest.mark.parametrize(("first", "second"), [(A, B), (B, A)])
def test_each_set_has_an_order_of_its_own(first, second):
    examples = kg.Unpaired(first, second)
    assert len(examples) == 12
    found = [pairs(examples, examples.at_random(7, epoch)) for epoch in (0, 1, 0)]
    for sides in found:
        longer, shorter = sides if first is B else sides[::-1]
        np.testing.assert_allclose(np.sort(longer), np.arange(12), atol=1e-4)
        for start in (0, 5):  # again and again, each time all of it
            part = np.sort(shorter[start : start + 5])
            np.testing.assert_allclose(part, np.arange(5), atol=1e-4)
        assert len(set(shorter[10:].round())) == 2
        assert not np.array_equal(shorter[:5], shorter[5:10])
    for side in (0, 1):
        assert np.array_equal(found[0][side], found[2][side])
        assert not np.array_equal(found[0][side], found[1][side])
    other = pairs(examples, examples.at_random(8, 0))
    assert not np.array_equal(found[0][0], other[0])


def test_sets_of_one_length_are_mixed_apart():
    a, b = pairs(examples := kg.Unpaired(B, B), examples.at_random(7, 0))
    assert not np.array_equal(a, b)


def test_elsewhere_both_lie_in_their_own_order():
    a, b = pairs(examples := kg.Unpaired(A, B), examples.in_order())
    np.testing.assert_allclose(a, np.arange(12) % 5, atol=1e-4)
    np.testing.assert_allclose(b, np.arange(12), atol=1e-4)


def test_fit_sees_both_sets_and_goes_on_where_it_stopped(tmp_path):
    whole, part = make(), make()
    examples = kg.Unpaired(A, B)
    how = {"batch_size": 5, "verbose": 0}
    logs = whole.fit(examples, epochs=4, validation_data=examples, **how).history
    part.fit(examples, epochs=2, **how)
    part.save(tmp_path / "part.keras")
    part = keras.saving.load_model(tmp_path / "part.keras")
    rest = part.fit(examples, epochs=4, initial_epoch=2, **how).history
    assert rest["loss"] == logs["loss"][2:]
    for a, b in zip(whole.variables, part.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.training_steps == part.training_steps == 12
    np.testing.assert_allclose(logs["b"], B.mean(), rtol=1e-5)  # all, once
    expected = A[np.arange(12) % 5].mean()
    np.testing.assert_allclose(logs["val_a"], expected, rtol=1e-5)
    found = whole.evaluate(examples, verbose=0, return_dict=True, batch_size=5)
    assert found["a"] == pytest.approx(expected, rel=1e-5)
    assert found["loss"] == pytest.approx(logs["val_loss"][-1], rel=1e-5)


def test_a_stream_of_the_same_pairs_trains_alike():
    models = make(), make()
    examples = kg.Unpaired(A, B)
    models[0].fit(examples, batch_size=5, epochs=2, verbose=0)
    step = models[1]._counts["steps"]
    models[1].fit(examples.dataset(5, seed=3, step=step), epochs=2, verbose=0)
    for a, b in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bytes_stand_for_values_of_a_255th():
    small = kg.Unpaired((A * 255).astype("uint8"), (B * 255).astype("uint8"))
    large = kg.Unpaired(small.a / 255, small.b / 255)
    logs = [m.evaluate(v, verbose=0) for m, v in ((make(), small), (make(), large))]
    np.testing.assert_allclose(*logs, rtol=1e-5)


def test_scales_are_found_in_both_sets():
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 2, (40, 3)), rng.normal(-7, 3, (70, 1))

    class Apart(kg.GenerativeModel):
        paired = False

        def __init__(self, **kwargs):
            vectors = kg.specs.Vectors
            super().__init__(vectors(3), condition=vectors(1), **kwargs)
            self.shift = self.add_weight((1,), "zeros", name="shift")

        def loss_terms(self, x, condition, noise, *, training):
            x, known = self.scale.inward(x), self.condition_scale.inward(condition)
            return {"loss": ops.mean(x**2) + ops.mean((known + self.shift) ** 2)}

    model = Apart(seed=0)
    model.compile(keras.optimizers.SGD(0.0))
    logs = model.fit(kg.Unpaired(a, b), verbose=0, batch_size=70).history
    spread = np.mean(((b - b.mean(0)) / b.std(0)) ** 2)
    assert logs["loss"][0] == pytest.approx(1 + spread, abs=0.1)


LABELS = np.arange(9) % 3
NETWORKS = {"units": (4,), "num_classes": 3}
PAIRED = {
    "vae": lambda: kg.VAE(*kg.networks.mlp_vae((2, 2, 1), 2, **NETWORKS)),
    "gan": lambda: kg.GAN(
        *kg.networks.mlp_gan(
            (2, 2, 1),
            2,
            generator_units=(4,),
            discriminator_units=(4,),
            num_classes=3,
        )
    ),
    "flow": lambda: kg.Flow(
        [kg.bijectors.Flatten(), *kg.bijectors.real_nvp(2, units=(4,))],
        (2, 2, 1),
        condition=kg.specs.Classes(3),
    ),
    "classifier": lambda: kg.Classifier(
        kg.networks.conv_features((8, 8, 1), 4, channels=(4,)), 3
    ),
}


@pytest.mark.parametrize("name", PAIRED)
def test_labels_that_belong_to_no_example_are_refused_before_training(name):
    model = PAIRED[name]()
    model.compile()
    x = np.zeros((4, *model.inputs.shape), "float32")
    message = r"must be pairs for .* fit\(x, condition\)\. A class"
    for call in (
        lambda: model.fit(kg.Unpaired(x, LABELS)),
        lambda: model.evaluate(kg.Unpaired(x, LABELS)),
        lambda: model.fit(x, LABELS[:4], validation_data=kg.Unpaired(x, LABELS)),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert model.training_steps == 0


REFUSED = {
    "empty": (lambda: kg.Unpaired(A, B[:0]), "b must hold at least one example"),
    "a number": (lambda: kg.Unpaired(1.0, B), "a must hold at least one example"),
    "the first set": (
        lambda: make().fit(kg.Unpaired(A[:, :1], B)),
        r"a of x must have shape \(batch, 2, 2, 1\)",
    ),
    "the second set": (
        lambda: make().evaluate(kg.Unpaired(A, 5 * B)),
        r"b of x must hold values in \[0, 1\]",
    ),
    "validation": (
        lambda: make().fit(A, A, validation_data=kg.Unpaired(A, B[..., 0])),
        "b of validation_data must have shape",
    ),
    "a condition besides": (
        lambda: make().fit(kg.Unpaired(A, B), A),
        "y must be None if x is Unpaired",
    ),
    "two arrays": (
        lambda: make().fit(A, B),
        r"image of x must have one row per example, received 12 rows for 5 examples. "
        r".*keras_gen.Unpaired\(a, b\)",
    ),
    "no condition": (
        lambda: make(condition=None).fit(kg.Unpaired(A, B)),
        "x must not be Unpaired for an unconditional model",
    ),
    "steps": (
        lambda: make().fit(kg.Unpaired(A, B), steps_per_epoch=2),
        "steps_per_epoch must be None for Unpaired",
    ),
    "a split": (
        lambda: make().fit(kg.Unpaired(A, B), validation_split=0.2),
        "validation_split must be 0 for Unpaired, received 0.2. Pass held-out",
    ),
    "a stream without its count": (
        lambda: kg.Unpaired(A, B).dataset(5, seed=3),
        "step must be the model's count of steps if there is a seed",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

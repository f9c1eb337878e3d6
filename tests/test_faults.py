"""Every fault raises before the first step; NaN on the way ends training by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf

IMAGES = np.random.default_rng(0).random((8, 8, 8, 1), "float32")
LABELS = np.arange(8) % 10


def spoilt(value):
    x = IMAGES.copy()
    x[3, 2, 1, 0] = value
    return x


EXAMPLES = {
    "nan": (spoilt(np.nan), "1 NaN or infinite values among 512"),
    "infinite": (spoilt(np.inf), "NaN or infinite"),
    "negative": (spoilt(-0.5), r"\[0, 1\], received values in \[-0.5"),
    "0 to 255": (IMAGES * 255, r"\[0, 1\].*Divide by 255"),
    "no channel axis": (IMAGES[..., 0], r"\(batch, 8, 8, 1\).*Add the channel axis"),
    "no batch axis": (IMAGES[0], r"\(batch, 8, 8, 1\).*Add the batch axis"),
    "three channels": (IMAGES.repeat(3, -1), r"\(batch, 8, 8, 1\), received"),
    "other size": (IMAGES[:, :7], r"\(batch, 8, 8, 1\), received \(8, 7, 8, 1\)"),
    "strings": (np.full(IMAGES.shape, "a"), "must hold numbers"),
}
TARGETS = {
    "missing": (None, "labels.* missing.*conditional on Classes"),
    "too large": (LABELS + 3, r"\[0, 10\), received values in \[3, 10\]"),
    "negative": (LABELS - 1, r"\[0, 10\), received values in \[-1"),
    "too few": (LABELS[:5], "5 rows for 8 examples"),
    "float": (LABELS.astype("float32"), "must be integers, received float32"),
    "one-hot": (np.eye(10, dtype=int)[LABELS], r"shape \(n,\), received \(8, 10\)"),
}


class Sequence(keras.utils.PyDataset):
    """One batch; or none."""

    def __init__(self, *batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return len(self.batch)

    def __getitem__(self, index):
        return self.batch[index]


def dataset(*batch):
    rows = batch if len(batch) > 1 else batch[0]
    return tf.data.Dataset.from_tensors(rows)


@pytest.fixture(scope="module")
def models(request):
    """An unconditional and a conditional model that no fit may change."""
    import keras_gen as kg

    networks = kg.networks
    made = {
        "plain": kg.Autoencoder(*networks.mlp_autoencoder((8, 8, 1), 2, units=(4,))),
        "conditional": kg.VAE(
            *networks.mlp_vae((8, 8, 1), 2, units=(4,), num_classes=10)
        ),
        "two players": kg.GAN(
            *networks.mlp_gan(
                (8, 8, 1),
                2,
                generator_units=(4,),
                discriminator_units=(4,),
                num_classes=10,
            )
        ),
    }
    for model in made.values():
        model.compile(jit_compile=False)
    return made


@pytest.fixture
def refuses(models, state):
    """Asserts that `fit` raises and leaves weights and optimizer as they were."""

    def check(name, message, *data, error=ValueError, **options):
        before = state(models[name])
        with pytest.raises(error, match=message):
            models[name].fit(*data, verbose=0, **options)
        for a, b in zip(before, state(models[name]), strict=True):
            np.testing.assert_array_equal(a, b)

    return check


@pytest.mark.parametrize(("x", "message"), EXAMPLES.values(), ids=EXAMPLES)
def test_bad_examples_are_refused_in_every_form(x, message, refuses):
    refuses("plain", message, x)
    refuses("plain", message, dataset(x))
    refuses("plain", message, Sequence((x,)))
    refuses("plain", message, IMAGES, validation_data=(x, None))
    refuses("plain", message, IMAGES, validation_data=dataset(x))


@pytest.mark.parametrize(("x", "message"), EXAMPLES.values(), ids=EXAMPLES)
def test_bad_examples_move_neither_of_two_players(x, message, refuses):
    refuses("two players", message, x, LABELS)
    refuses("two players", message, Sequence((x, LABELS)))
    refuses("two players", message, IMAGES, LABELS, validation_data=(x, LABELS))


@pytest.mark.parametrize(("y", "message"), TARGETS.values(), ids=TARGETS)
def test_bad_labels_are_refused_in_every_form(y, message, refuses):
    good = (IMAGES, LABELS)
    refuses("conditional", message, IMAGES, y)
    refuses("two players", message, IMAGES, y)
    refuses("conditional", message, *good, validation_data=(IMAGES, y))
    batch = (IMAGES,) if y is None else (IMAGES, y)
    refuses("conditional", message, Sequence(batch))
    refuses("conditional", message, dataset(*batch))


def test_labels_of_an_unconditional_model_are_refused(refuses):
    message = "must be None for an unconditional model"
    refuses("plain", message, IMAGES, LABELS)
    refuses("plain", message, IMAGES, IMAGES)
    refuses("plain", message, dataset(IMAGES, LABELS))
    refuses("plain", message, Sequence((IMAGES, LABELS)))
    refuses("plain", message, IMAGES, validation_data=(IMAGES, LABELS))


@pytest.mark.parametrize(
    "empty",
    [IMAGES[:0], tf.data.Dataset.from_tensor_slices(IMAGES).take(0), Sequence()],
    ids=["array", "tf.data", "PyDataset"],
)
def test_empty_data_are_refused(empty, refuses):
    refuses("plain", "x is empty", empty)
    refuses("plain", "validation_data is empty", IMAGES, validation_data=empty)


def test_missing_data_are_refused(refuses):
    refuses("plain", "x is missing", None)


def test_labels_beside_a_dataset_are_refused(refuses):
    refuses("conditional", "belong into the dataset", dataset(IMAGES), LABELS)


def test_weights_of_examples_are_refused(refuses):
    ones = np.ones(8, "float32")
    refuses("plain", "sample_weight is not supported", IMAGES, sample_weight=ones)
    refuses("plain", "class_weight is not supported", IMAGES, class_weight={0: 1.0})
    weighted = (IMAGES, LABELS, ones)
    refuses("conditional", "weights are not supported", dataset(*weighted))
    refuses(
        "conditional",
        "weights are not supported",
        IMAGES,
        LABELS,
        validation_data=weighted,
    )


def test_a_generator_of_wrong_shapes_is_refused(refuses):
    batches = (batch for batch in [(IMAGES[..., 0],)])
    refuses("plain", r"shape \(batch, 8, 8, 1\)", batches)


def test_a_frozen_model_is_refused(make_case):
    model = make_case("dense_vae").make()
    model.trainable = False
    with pytest.raises(ValueError, match="must have trainable weights"):
        model.fit(IMAGES, verbose=0)


def test_an_uncompiled_model_is_refused(models):
    model = type(models["plain"]).from_config(models["plain"].get_config())
    with pytest.raises(ValueError, match=r"Call compile\(\)"):
        model.fit(IMAGES, verbose=0)


def broken(batches=8, bad=5):
    """A data set of which one batch, counted from 1, holds NaN."""
    x = np.repeat(IMAGES[None], batches, axis=0)
    x[bad - 1, 0] = np.nan
    return tf.data.Dataset.from_tensor_slices(x)


@pytest.mark.parametrize("steps", [1, 32])
@pytest.mark.parametrize(
    "name",
    [
        "dense_autoencoder",
        "dense_gan",
        pytest.param("conv_vae", marks=pytest.mark.slow),
    ],
)
def test_nan_in_a_batch_names_the_step(name, steps, make_case):
    model = make_case(name).make(steps_per_execution=steps)
    message = r"x of batch 5 \(training step 5\) must hold .* 64 NaN or infinite values"
    with pytest.raises(ValueError, match=message):
        model.fit(broken(), verbose=0)


@pytest.mark.parametrize(
    "jit_compile",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["graph", "xla"],
)
def test_an_exploding_run_ends_by_name(jit_compile, make_case):
    case = make_case("gaussian_vae")
    model = case.make(keras.optimizers.SGD(1e6), jit_compile=jit_compile)
    message = "loss term '.+' became NaN or infinite at training step [2-9]"
    with pytest.raises(FloatingPointError, match=message):
        model.fit(case.x, verbose=0)


def test_nan_does_not_overwrite_the_backup(make_case, tmp_path, assert_same_state):
    case = make_case("dense_autoencoder")
    backup = {"backup_dir": tmp_path, "delete_checkpoint": False}
    x = np.repeat(IMAGES[None], 8, axis=0)
    good = case.make()
    good.fit(tf.data.Dataset.from_tensor_slices(x), verbose=0)
    model = case.make()
    epochs = tf.data.Dataset.from_tensor_slices(x).concatenate(broken())
    with pytest.raises(ValueError, match="training step 13"):
        model.fit(
            epochs,
            steps_per_epoch=8,
            epochs=2,
            verbose=0,
            callbacks=[keras.callbacks.BackupAndRestore(**backup)],
        )
    resumed = case.make()
    resumed.fit(
        x[0],
        epochs=1,
        verbose=0,
        callbacks=[keras.callbacks.BackupAndRestore(**backup)],
    )
    assert_same_state(good, resumed)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.95], ids=["empty", "half", "no end"])
def test_a_broken_file_is_an_error(keep, models, tmp_path):
    path = tmp_path / "model.keras"
    models["plain"].save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(Exception, match=r"(?i)zip|not found|valid|read"):
        keras.saving.load_model(path)

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.zoo import data, texts

FOLDER = os.environ.get("KERAS_GEN_DATA", "")
RANDOM = np.random.RandomState(0)
SIZES = {
    "breast_cancer": (455, 114, (30,), 2),
    "checkerboard": (50_000, 10_000, (2,), 0),
    "digits": (1_437, 360, (8, 8, 1), 10),
    "heartbeats": (6_000, 1_500, (128, 1), 4),
    "photos": (6_100, 1_300, (32, 32, 3), 2),
    "pinwheel": (50_000, 10_000, (2,), 5),
    "ring": (10_000, 2_000, (2,), 8),
    "rings": (50_000, 10_000, (2,), 4),
    "two_moons": (50_000, 10_000, (2,), 2),
    "two_spirals": (50_000, 10_000, (2,), 2),
    "wine": (142, 36, (13,), 3),
}


@pytest.fixture(autouse=True)
def _no_local_copies(monkeypatch):
    monkeypatch.delenv("KERAS_GEN_DATA", raising=False)


def rows(x):
    return {row.tobytes() for row in x}


def images(n, *shape):
    return RANDOM.randint(0, 256, (n, *shape)).astype(np.uint8)


def save_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("name", SIZES)
def test_embedded_data_have_their_sizes_shapes_and_labels(name):
    loaded = data.load(name)
    num_train, num_test, shape, num_classes = SIZES[name]
    assert (len(loaded.train), len(loaded.test)) == (num_train, num_test)
    assert loaded.num_classes == num_classes
    for split in (loaded.train, loaded.test):
        assert split.data_shape == split.x.shape[1:] == shape
        assert split.x.dtype == (np.uint8 if name == "photos" else np.float32)
        if num_classes:
            assert split.labels.dtype == np.int32
            assert split.labels.shape == (len(split),)
            assert set(split.labels) == set(range(num_classes))
        else:
            assert split.labels is None


@pytest.mark.parametrize("name", SIZES)
def test_embedded_data_are_the_same_every_time(name):
    first, second = data.load(name), data.load(name)
    np.testing.assert_array_equal(first.train.x, second.train.x)
    np.testing.assert_array_equal(first.test.x, second.test.x)
    np.testing.assert_array_equal(first.test.labels, second.test.labels)


def test_digits_are_all_the_scans_scaled_by_sixteen():
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    both = np.concatenate([digits.train.x, digits.test.x])
    assert both.min() == 0
    assert both.max() == 1
    expected = (load_digits().images / 16).astype(np.float32)[..., None]
    assert sorted(row.tobytes() for row in both) == sorted(
        row.tobytes() for row in expected
    )
    shares = np.bincount(digits.test.labels) / np.bincount(digits.train.labels)
    np.testing.assert_allclose(shares, 0.25, atol=0.01)


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_tables_are_standardised_by_the_training_split(name):
    table = data.load(name)
    np.testing.assert_allclose(table.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(table.train.x.std(axis=0), 1, atol=1e-5)
    assert np.abs(table.test.x.mean(axis=0)).max() > 0.01
    assert not rows(table.train.x) & rows(table.test.x)


def test_photos_share_no_pixel_between_the_splits(monkeypatch):
    column = np.arange(640)
    photo = np.broadcast_to(column[None, :, None] // 4, (427, 640, 3)).astype(np.uint8)
    monkeypatch.setattr(
        "sklearn.datasets.load_sample_images",
        lambda: SimpleNamespace(images=[photo, photo]),
    )
    photos = data.load("photos")
    assert photos.train.x.max() < photos.test.x.min() == 512 // 4


def test_photos_are_patches_of_the_photograph_of_their_label():
    from sklearn.datasets import load_sample_images

    train = data.load("photos").train
    for patch, label in zip(train.x[:4], train.labels[:4], strict=True):
        photo = load_sample_images().images[label]
        corners = [(i, j) for i in range(0, 396, 8) for j in range(0, 481, 8)]
        assert any(
            np.array_equal(photo[i : i + 32, j : j + 32], patch) for i, j in corners
        )


def test_ring_components_lie_at_radius_two_with_deviation_one_twentieth():
    train = data.load("ring").train
    for k in range(8):
        points = train.x[train.labels == k]
        assert len(points) > 1_100
        mean = 2 * np.array([np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)])
        np.testing.assert_allclose(points.mean(axis=0), mean, atol=0.006)
        np.testing.assert_allclose(points.std(axis=0), 0.05, atol=0.004)


def test_checkerboard_is_uniform_on_eight_squares():
    x = data.load("checkerboard").train.x
    assert np.abs(x).max() <= 4
    cells = np.floor(x / 2).astype(int) + 2
    counts = np.zeros((4, 4), int)
    np.add.at(counts, tuple(cells.T), 1)
    np.testing.assert_array_equal(counts > 0, np.indices((4, 4)).sum(axis=0) % 2 == 0)
    np.testing.assert_allclose(counts[counts > 0], 6_250, atol=270)


def test_two_spirals_arms_are_half_a_turn_apart():
    train = data.load("two_spirals").train
    radius = np.linalg.norm(train.x, axis=1)
    angle = np.arctan2(train.x[:, 1], train.x[:, 0])
    off = np.angle(np.exp(1j * (angle - np.pi * (radius + train.labels))))
    assert radius.max() < 3.5
    assert np.abs(off[radius > 1]).mean() < 0.3


def test_two_moons_lie_on_half_circles():
    train = data.load("two_moons").train
    centre = np.array([[0, 0], [1, 0.5]])[train.labels]
    radius = np.linalg.norm(train.x - centre, axis=1)
    np.testing.assert_allclose(radius.mean(), 1, atol=0.01)
    np.testing.assert_allclose(radius.std(), 0.05, atol=0.005)


def test_pydocs_are_split_by_position():
    from pydoc_data.topics import topics

    docs = data.load("pydocs")
    assert docs.train.text + docs.test.text == "".join(
        topics[key] for key in sorted(topics)
    )
    assert len(docs.train) / (len(docs.train) + len(docs.test)) == pytest.approx(
        0.9, abs=1e-4
    )
    assert docs.num_classes == 0


def test_head_is_float32_in_the_unit_interval():
    x = images(5, 2, 2, 3)
    head = data.ArraySplit(x, None).head(3)
    assert head.dtype == np.float32
    np.testing.assert_allclose(head, x[:3] / 255, rtol=1e-6)
    assert len(data.ArraySplit(x, None).head(9)) == 5


# Files of arrays


def test_npz_with_both_splits_is_taken_as_it_is(tmp_path):
    x, y = images(7, 5, 4), np.array([0, 1, 2, 2, 1, 0, 3], np.uint8)
    np.savez(
        tmp_path / "a.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:], y_test=y[4:]
    )
    loaded = data.load(tmp_path / "a.npz")
    assert loaded.name == "a"
    assert loaded.class_names == ("0", "1", "2", "3")
    np.testing.assert_array_equal(loaded.train.x, x[:4, ..., None])
    np.testing.assert_array_equal(loaded.test.labels, [1, 0, 3])
    assert loaded.train.x.dtype == np.uint8
    assert loaded.train.labels.dtype == np.int32


def test_single_array_is_split_by_a_tenth_always_the_same(tmp_path):
    x = RANDOM.randn(50, 3)
    y = np.arange(50) % 5
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.save(tmp_path / "b.npy", x)
    a, again = data.load(tmp_path / "a.npz"), data.load(tmp_path / "a.npz")
    b = data.load(str(tmp_path / "b.npy"))
    assert (len(a.train), len(a.test)) == (45, 5)
    assert not rows(a.train.x) & rows(a.test.x)
    assert rows(a.train.x) | rows(a.test.x) == rows(x.astype(np.float32))
    np.testing.assert_array_equal(a.test.x, again.test.x)
    np.testing.assert_array_equal(a.test.x, b.test.x)
    row = int(np.flatnonzero((x.astype(np.float32) == a.test.x[0]).all(axis=1))[0])
    assert a.test.labels[0] == y[row]
    assert b.test.labels is None
    assert b.class_names == ()


PIXELS = np.full((4, 2, 2), 0.5)
BAD_ARRAYS = {
    "empty": ({"x": np.zeros((0, 2, 2))}, "'x', is empty"),
    "no pixels": ({"x": np.zeros((4, 0, 2))}, r"'x', must have shape"),
    "nan": ({"x": np.where([[True], [False]], np.nan, PIXELS)}, "8 NaN or infinite"),
    "infinite vector": (
        {"x": np.array([[1.0], [np.inf]])},
        "1 NaN .* 2, the first at \\[1, 0\\]",
    ),
    "range": (
        {"x": PIXELS[..., None] * 200},
        r"'x', must .* \[100.0, 100.0\]. Divide by 255",
    ),
    "negative pixels": ({"x": PIXELS[..., None] - 1}, r"\[-0.5, -0.5\]"),
    "rank": ({"x": np.zeros(4)}, r"received \(4,\)"),
    "text": ({"x": np.array([["a"], ["b"]])}, "must hold numbers, received dtype <U1"),
    "object": ({"x": np.array([[{}], [{}]])}, "'x', cannot be read: it holds Py"),
    "labels length": ({"x": PIXELS, "y": np.zeros(3, int)}, "'y', must .* 3 .* 4 exam"),
    "labels negative": ({"x": PIXELS, "y": np.array([0, 1, -1, 0])}, r"'y', .*\[-1, 1"),
    "labels huge": ({"x": PIXELS, "y": np.full(4, 2**40)}, "'y', must be in"),
    "labels float": ({"x": PIXELS, "y": np.zeros(4)}, "'y', must be integers"),
    "labels one-hot": ({"x": PIXELS, "y": np.eye(4, dtype=int)}, r"must have shape"),
    "no test": ({"x_train": PIXELS}, "x_test is missing, received x_train"),
    "unknown keys": ({"pixels": PIXELS}, "x_train and x_test, received pixels"),
    "one split labelled": (
        {"x_train": PIXELS, "x_test": PIXELS, "y_train": np.zeros(4, int)},
        "both y_train and y_test",
    ),
    "two shapes": ({"x_train": PIXELS, "x_test": PIXELS[:, 1:]}, "one shape and dtype"),
    "one example": ({"x": PIXELS[:1]}, "at least 2 examples, received 1"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused_by_file_and_key(tmp_path, case):
    arrays, message = BAD_ARRAYS[case]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"(?s)bad.*{message}"):
        data.load(tmp_path / "bad.npz")


def test_bad_test_split_is_named(tmp_path):
    np.savez(tmp_path / "bad.npz", x_train=PIXELS, x_test=PIXELS * np.nan)
    with pytest.raises(ValueError, match="bad.npz, 'x_test', must .* received 16 NaN"):
        data.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("damage", ["text", "cut", "flipped"])
def test_corrupt_array_files_are_refused(tmp_path, suffix, damage):
    path = tmp_path / f"bad.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, x=images(20, 9, 9))
    else:
        np.save(path, images(20, 9, 9))
    content = bytearray(path.read_bytes())
    if damage == "text":
        content = b"no arrays here"
    elif damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[6:70] = bytes(64)
    path.write_bytes(content)
    words = r"numpy.save or numpy.savez did not" if damage == "text" else "."
    with pytest.raises(ValueError, match=rf"bad.{suffix}.* cannot be read: {words}"):
        data.load(path)


def test_pickles_are_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return ran.write_text, ("",)

    np.save(tmp_path / "bad.npy", np.array([Payload()]), allow_pickle=True)
    ran.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="bad.npy cannot be read: it holds Python obj"):
        data.load(tmp_path / "bad.npy")
    assert not ran.exists()


# Text


def test_text_is_split_by_position(tmp_path):
    text = "0123456789é\n" * 10
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    loaded = data.load(tmp_path / "a.txt")
    assert loaded.train.text == text[:108]
    assert loaded.test.text == text[108:]
    assert len(loaded.test) == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b" \n ", "is empty"), (b"caf\xe9 au lait", "UTF-8")],
)
def test_bad_texts_are_refused(tmp_path, content, message):
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad.txt.*{message}"):
        data.load(tmp_path / "bad.txt")


# Folders of images


def test_folder_is_read_lazily_and_equals_pillow(tmp_path):
    for i in range(20):
        save_png(tmp_path / "set" / f"{i:02}.png", images(1, 6, 5, 3)[0])
    loaded = data.load(tmp_path / "set")
    assert isinstance(loaded.train, data.ImageFiles)
    assert (len(loaded.train), len(loaded.test)) == (18, 2)
    assert loaded.train.labels is None
    assert loaded.train.data_shape == (6, 5, 3)
    assert not set(loaded.train.paths) & set(loaded.test.paths)
    assert loaded.test.paths == data.load(tmp_path / "set").test.paths
    expected = np.stack([np.asarray(Image.open(path)) for path in loaded.train.paths])
    np.testing.assert_array_equal(loaded.train.x, expected)
    np.testing.assert_allclose(loaded.train.head(4), expected[:4] / 255, atol=1e-7)
    save_png(tmp_path / "new.png", np.zeros((6, 5, 3), np.uint8))
    (tmp_path / "new.png").replace(loaded.train.paths[0])
    again = data.load(tmp_path / "set").train
    np.testing.assert_array_equal(again.x[1:], loaded.train.x[1:])
    assert again.x[0].max() == 0


def test_class_folders_give_labels(tmp_path):
    for i in range(12):
        save_png(tmp_path / "cat" / f"{i}.png", np.full((4, 4), 10, np.uint8))
        save_png(tmp_path / "ant" / f"{i}.png", np.full((4, 4), 20, np.uint8))
    (tmp_path / "cat" / "notes.md").write_text("left out")
    (tmp_path / ".hidden").mkdir()
    with pytest.warns(
        UserWarning, match=r"files that are not images: cat/notes\.md\.$"
    ):
        loaded = data.load(tmp_path)
    assert loaded.class_names == ("ant", "cat")
    assert (len(loaded.train), len(loaded.test)) == (22, 2)
    for split in (loaded.train, loaded.test):
        assert split.data_shape == (4, 4, 1)
        assert split.labels.dtype == np.int32
        grey = np.round(split.head(len(split))[:, 0, 0, 0] * 255)
        np.testing.assert_array_equal(grey, np.where(split.labels == 0, 20, 10))


STORED = {
    "png": ["1", "L", "LA", "P", "RGB", "RGBA"],
    "jpg": ["L", "RGB", "CMYK"],
    "bmp": ["1", "L", "P", "RGB", "RGBA"],
    "gif": ["1", "L", "P", "RGB"],
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix in STORED for mode in STORED[suffix]]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_converted_as_pillow_does(tmp_path, suffix, mode, channels):
    ramp = np.linspace(0, 255, 16 * 16).reshape(16, 16)
    pixels = np.stack([ramp, ramp.T, ramp[::-1]], axis=-1).astype(np.uint8)
    for i in range(2):
        Image.fromarray(pixels).convert(mode).save(tmp_path / f"{i}.{suffix}")
    fetched = data.load(tmp_path, image_shape=(16, 16, channels)).train.head(1)[0]
    with Image.open(tmp_path / f"0.{suffix}") as file:
        stored = file.convert("RGB")
    expected = np.asarray(stored.convert("RGB" if channels == 3 else "L")) / 255
    tolerance = 0.03 if suffix == "jpg" else 0.51 / 255 if channels == 1 else 1e-6
    np.testing.assert_allclose(
        fetched, expected.reshape(16, 16, channels), atol=tolerance
    )


def test_image_shape_resizes_without_aliasing(tmp_path):
    stripes = np.tile(np.array([0, 0, 0, 255, 255, 0, 0, 0], np.uint8), (64, 8))
    for i in range(2):
        save_png(tmp_path / f"{i}.png", stripes)
    loaded = data.load(tmp_path, image_shape=(8, 8, 3))
    fetched = loaded.train.head(1)
    assert fetched.shape == (1, 8, 8, 3)
    np.testing.assert_allclose(fetched, 0.25, atol=0.05)
    assert loaded.train.data_shape == (8, 8, 3)


def test_all_corrupt_images_are_refused_in_one_error(tmp_path):
    for i in range(30):
        save_png(tmp_path / "a" / f"{i:02}.png", images(1, 8, 8, 3)[0])
    for i in range(12):
        path = tmp_path / "a" / f"{i:02}.png"
        path.write_bytes(path.read_bytes()[: -5 if i % 2 else 60])
    with pytest.raises(ValueError, match="12 of 30 images cannot be decoded") as error:
        data.load(tmp_path)
    names = [f"a/{i:02}.png" for i in range(10)]
    assert f": {', '.join(names)} and others. " in str(error.value)


def test_broken_gif_is_refused(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, (40, 30, 3))  # always broken so
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.gif")
    content = bytearray((tmp_path / "a.gif").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.gif").write_bytes(content)
    with pytest.raises(ValueError, match="1 of 1 images cannot be decoded: a.gif"):
        data.load(tmp_path)


def test_folders_without_a_clear_layout_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no images .*, and is empty\.$"):
        data.load(tmp_path)
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "a.heic").touch()
    with pytest.raises(ValueError, match=r"ant holds no images .*, but a\.heic\.$"):
        data.load(tmp_path)
    save_png(tmp_path / "a.png", PIXELS[0].astype(np.uint8))
    with pytest.raises(ValueError, match=r"a\.png\) and folders \(such as ant\)"):
        data.load(tmp_path)
    with pytest.raises(ValueError, match="channels must be 1 .* received 2"):
        data.load(tmp_path, image_shape=(8, 8, 2))


# Names and downloads


def test_local_copy_goes_before_a_download(tmp_path, monkeypatch):
    x, y = images(3, 28, 28), np.array([7, 2, 1], np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    (tmp_path / "tinyshakespeare.txt").write_text("First Citizen:\nSpeak.")
    monkeypatch.setenv("KERAS_GEN_DATA", str(tmp_path))
    mnist = data.load("mnist", image_shape=(28, 28, 1))
    np.testing.assert_array_equal(mnist.train.x, x[..., None])
    np.testing.assert_array_equal(mnist.train.labels, [7, 2, 1])
    assert mnist.num_classes == 10
    assert data.load("shakespeare").train.text == "First Citizen:\nSpe"
    assert len(data.load("digits").train) == 1_437


def test_keras_data_get_channels_and_flat_labels(monkeypatch):
    x, y = images(3, 32, 32, 3), np.array([[1], [9], [0]], np.uint8)
    monkeypatch.setattr(
        keras.datasets.cifar10, "load_data", lambda: ((x, y), (x[:1], y[:1]))
    )
    cifar10 = data.load("cifar10")
    np.testing.assert_array_equal(cifar10.train.labels, [1, 9, 0])
    assert cifar10.train.data_shape == (32, 32, 3)
    assert cifar10.class_names[9] == "truck"
    fashion = (x[..., 0], y[:, 0])
    monkeypatch.setattr(
        keras.datasets.fashion_mnist, "load_data", lambda: (fashion, fashion)
    )
    with pytest.raises(ConnectionError, match=r"not the published.*3bf2e8073bab"):
        data.load("fashion_mnist")
    monkeypatch.delitem(data.CONTENT, "fashion_mnist")
    loaded = data.load("fashion_mnist")
    assert loaded.train.data_shape == (32, 32, 1)
    assert loaded.num_classes == 10


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("mnist", "keras.src.datasets.mnist"),
        ("cifar10", "keras.src.datasets.cifar10"),
        ("shakespeare", "keras.utils"),
    ],
)
def test_downloads_are_compared_with_a_hash(name, module, monkeypatch):
    def spy(*_, file_hash=None, **__):
        raise Exception(f"compared with {file_hash}")

    monkeypatch.setattr(sys.modules[module], "get_file", spy)
    with pytest.raises(ConnectionError, match=r"compared with [0-9a-f]{64}\)"):
        data.load(name)


@pytest.mark.skipif(
    not Path(FOLDER, "fashion_mnist.npz").is_file(), reason="needs the published data"
)
def test_published_content_is_known(monkeypatch):
    monkeypatch.setenv("KERAS_GEN_DATA", FOLDER)
    loaded = data.load("fashion_mnist")
    assert data.content_hash(loaded) == data.CONTENT["fashion_mnist"]


def test_content_is_what_counts(tmp_path):
    x, y = images(30, 8, 8), np.arange(30) % 3
    for name, write in (("a", np.savez), ("b", np.savez_compressed)):
        write(tmp_path / name, x=x, y=y)
    np.savez(tmp_path / "c", x=x[::-1], y=y)
    np.savez(tmp_path / "d", x=x, y=(y + 1) % 3)
    np.savez(tmp_path / "e", x=x / np.float32(255), y=y)
    hashes = [data.content_hash(data.load(tmp_path / f"{n}.npz")) for n in "abcde"]
    assert hashes[0] == hashes[1]
    assert len({*hashes}) == 4


def test_content_of_folders_and_texts(tmp_path, monkeypatch):
    def hashed(path):
        return data.content_hash(data.load(path))

    for name, pixels in (("a", 0), ("b", 0), ("c", 1)):
        for i in range(3):
            picture = np.full((8, 8, 3), 40 * i + pixels, np.uint8)
            save_png(tmp_path / name / f"{i}.png", picture)
    assert hashed(tmp_path / "a") == hashed(tmp_path / "b") != hashed(tmp_path / "c")
    (tmp_path / "text.txt").write_text("Speak, speak. " * 50)
    in_memory = hashed(tmp_path / "text.txt")
    monkeypatch.setattr(texts, "IN_MEMORY", 10)
    assert hashed(tmp_path / "text.txt") == in_memory
    (tmp_path / "text.txt").write_text("Speak! speak. " * 50)
    assert hashed(tmp_path / "text.txt") != in_memory


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "shakespeare"])
def test_failed_download_says_what_to_do(name, monkeypatch, capsys):
    def fail(*args, **_):
        print("Downloading data")
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    if name != "shakespeare":
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fail)
    file = "shakespeare.txt" if name == "shakespeare" else f"{name}.npz"
    message = rf"{name} .*\(URL fetch failure\). Set KERAS_GEN_DATA .* holds {file}"
    with pytest.raises(ConnectionError, match=message):
        data.load(name)
    assert capsys.readouterr().out == ""


def test_wrong_use_is_refused(tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match=r"'minst' .* mean 'mnist'\? Data sets: .*wine"
    ):
        data.load("minst")
    with pytest.raises(ValueError, match="source '' is neither"):
        data.load("")
    (tmp_path / "a.dat").write_text("1,2")
    with pytest.raises(ValueError, match=r"a\.dat must be an \.npz"):
        data.load(tmp_path / "a.dat")
    with pytest.raises(ValueError, match=r"\(28, 28, 1\) is expected.* \(8, 8, 1\)"):
        data.load("digits", image_shape=(28, 28, 1))
    with pytest.raises(ValueError, match="is expected, pydocs holds text"):
        data.load("pydocs", image_shape=(28, 28, 1))
    monkeypatch.setenv("KERAS_GEN_DATA", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="KERAS_GEN_DATA must name a folder"):
        data.load("digits")


def test_names_are_sorted_and_complete():
    assert list(data.NAMES) == sorted(data.NAMES)
    downloads = {"mnist", "binarized_mnist", "fashion_mnist", "cifar10", "shakespeare"}
    tables = {"power", "gas", "hepmass", "miniboone", "bsds300"}
    files = {"pydocs", "smiles", "emoji", "emoji_styles", "diamonds"}
    files |= {"stacked_mnist", "emoji_words"}
    assert set(data.NAMES) == {*SIZES, *files, *downloads, *tables}


def test_a_folder_with_the_name_of_a_data_set_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine").mkdir()
    with pytest.warns(UserWarning, match=r"not as the files here\. Pass \./wine to"):
        assert len(data.load("wine").train) == 142

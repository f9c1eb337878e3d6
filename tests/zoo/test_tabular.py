"""The tables are prepared as the paper's code does, on small files of their layout."""

import h5py
import numpy as np
import pytest

from keras_gen.zoo import data, tabular

ROWS = 200
CUTS = slice(0, 162), slice(180, 200)  # 200 - 20 for the test, 18 of 180 left out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_DATA", str(tmp_path))
    return tmp_path


def save(path, x):
    path.parent.mkdir()
    np.save(path, x)


def write_csv(path, x):
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, x, delimiter=",", header="# label,f0", fmt="%.9g")


def write_hepmass(folder, train, test):
    write_csv(folder / "hepmass" / "1000_train.csv", train)
    write_csv(folder / "hepmass" / "1000_test.csv", test)


def normal(*shape):
    return np.random.RandomState(1).randn(*shape)


def sensors(rows):
    """16 sensors of which those of a pair are nearly equal, after three columns."""
    x = normal(rows, 19)
    x[:, 11:] = x[:, 3:11] + 0.01 * x[:, 11:]
    return x


def assert_parts(name, train, test):
    """The data set consists of these rows, and neither labels nor classes."""
    loaded = data.load(name)
    assert loaded.class_names == ()
    for split, expected in ((loaded.train, train), (loaded.test, test)):
        assert split.x.dtype == np.float32
        assert split.inputs.shape == (tabular.FEATURES[name],)
        assert split.labels is None
        np.testing.assert_allclose(split.x, expected, rtol=1e-5, atol=1e-5)


def test_power_is_shuffled_dithered_and_scaled(folder):
    raw = np.round(5 * normal(ROWS, 8))
    save(folder / "power" / "data.npy", raw)
    random, x = np.random.RandomState(42), raw.copy()
    random.shuffle(x)
    x = np.stack([x[:, i] for i in (0, 2, 4, 5, 6, 7)], axis=1)
    voltage, power, meters = random.rand(ROWS), random.rand(ROWS), random.rand(ROWS, 3)
    x += np.column_stack([0.001 * power, 0.01 * voltage, meters, np.zeros(ROWS)])
    x = (x - x[:180].mean(axis=0)) / x[:180].std(axis=0)
    assert_parts("power", x[CUTS[0]], x[CUTS[1]])


def test_gas_loses_the_earlier_of_two_correlated_sensors(folder):
    raw = sensors(ROWS)
    save(folder / "gas" / "ethylene_CO.npy", raw)
    x = raw[:, 11:]
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    assert_parts("gas", x[CUTS[0]], x[CUTS[1]])


def test_a_chain_of_correlations_goes_from_its_start():
    """a ~ b ~ c, but not a ~ c: a goes, then b since it is still like c."""
    a, step = normal(2_000), np.random.RandomState(2).randn(3, 2_000)
    b = a + 0.17 * step[0]
    c = b + 0.17 * step[1]
    alone = np.random.RandomState(3).randn(2_000)
    x = np.stack([a, alone, b, c, alone + 0.25 * step[2]], axis=1)
    correlation = np.corrcoef(x, rowvar=False)
    assert correlation[0, 2] > 0.98 > correlation[0, 3]
    assert correlation[2, 3] > 0.98 > correlation[1, 4] > 0.96
    np.testing.assert_array_equal(tabular._uncorrelated(x), [1, 3, 4])


def test_gas_is_a_quarter_of_the_text(folder):
    raw = sensors(4 * ROWS)
    (folder / "gas").mkdir()
    header = "Time (seconds), CO conc (ppm), Ethylene conc (ppm), sensor readings"
    path = folder / "gas" / "ethylene_CO.txt"
    np.savetxt(path, raw, header=header, comments="", fmt="%.9f")
    loaded = data.load("gas")
    assert (len(loaded.train), len(loaded.test)) == (162, 20)
    both = np.concatenate([loaded.train.x, loaded.test.x])
    order = np.random.RandomState(0).permutation(4 * ROWS)[:ROWS]
    kept = raw[order, 11:]
    kept = (kept - kept.mean(axis=0)) / kept.std(axis=0, ddof=1)
    np.testing.assert_allclose(
        both, np.delete(kept, range(162, 180), axis=0), atol=1e-5
    )


def test_hepmass_keeps_class_one_and_features_without_repeats(folder):
    train, test = normal(400, 28), normal(60, 29) + 1
    train[:, 0] = np.arange(400) % 2
    test[:, 0] = np.arange(60) % 3 == 0
    train[1:13:2, 22:] = -9  # six of class 1 share the smallest value
    train[1:11:2, 1] = -9  # five may
    train[13:53:2, 2] = 9  # of another value, any number
    write_hepmass(folder, train, test)
    fitted, held_out = train[1::2, 1:22], test[::3, 1:22]
    mean, stddev = fitted.mean(axis=0), fitted.std(axis=0, ddof=1)
    train, held_out = ((x - mean) / stddev for x in (fitted[:180], held_out))
    assert_parts("hepmass", train, held_out)


def test_miniboone_is_scaled_without_the_test_rows(folder):
    raw = 3 * normal(ROWS, 43) + 5
    save(folder / "miniboone" / "data.npy", raw)
    x = (raw - raw[:180].mean(axis=0)) / raw[:180].std(axis=0)
    assert_parts("miniboone", x[CUTS[0]], x[CUTS[1]])


def test_bsds300_is_taken_as_it_is(folder):
    parts = {
        "train": normal(30, 63),
        "validation": normal(5, 63),
        "test": normal(7, 63),
    }
    (folder / "BSDS300").mkdir()
    with h5py.File(folder / "BSDS300" / "BSDS300.hdf5", "w") as file:
        for name, x in parts.items():
            file[name] = x
    assert_parts("bsds300", parts["train"], parts["test"])


def test_tenths_are_rounded_down():
    kept, last = tabular._hold_out(np.arange(29))
    assert (kept[-1], last.tolist()) == (26, [27, 28])


@pytest.mark.parametrize(
    ("name", "file"),
    {
        "power": "power/data.npy",
        "gas": "gas/ethylene_CO.npy",
        "hepmass": "hepmass/1000_train.csv",
        "miniboone": "miniboone/data.npy",
        "bsds300": "BSDS300/BSDS300.hdf5",
    }.items(),
)
def test_a_missing_file_is_named_with_its_origin(name, file, folder, monkeypatch):
    where = "uci.edu" if name == "gas" else "zenodo.org/records/1161203"
    with pytest.raises(FileNotFoundError, match=f"{file} is missing .*{where}"):
        data.load(name)
    monkeypatch.delenv("KERAS_GEN_DATA")
    with pytest.raises(FileNotFoundError, match="KERAS_GEN_DATA must name .* ''"):
        data.load(name)


def test_files_of_another_layout_are_refused(folder):
    save(folder / "power" / "data.npy", normal(ROWS, 9))
    with pytest.raises(ValueError, match=r"power/data\.npy.*\(200, 9\)"):
        data.load("power")
    save(folder / "gas" / "ethylene_CO.npy", normal(ROWS, 19))
    with pytest.raises(ValueError, match=r"gas, train,.*\(162, 16\)"):
        data.load("gas")
    write_hepmass(folder, normal(20, 5), normal(20, 5))
    with pytest.raises(ValueError, match=r"1000_train\.csv cannot be read"):
        data.load("hepmass")
    (folder / "BSDS300").mkdir()
    (folder / "BSDS300" / "BSDS300.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match=r"BSDS300\.hdf5 cannot be read"):
        data.load("bsds300")


def test_pickles_are_not_run(folder):
    save(folder / "miniboone" / "data.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"data\.npy cannot be read: .*allow_pickle"):
        data.load("miniboone")

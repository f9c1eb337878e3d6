"""Missing values: drawn given the known ones, which stay as they are."""

from itertools import pairwise

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from keras import layers

import keras_gen as kg
from keras_gen import latents, specs

from .marks import but_slow

pandas = pytest.importorskip("pandas")
SIGMA = 0.6
W = np.array([[1.0, 0.2], [0.9, -0.3], [-0.5, 1.0]])
B = np.array([0.5, -1.0, 2.0])
COVARIANCE = W @ W.T + SIGMA**2 * np.eye(3)
HOMES = specs.Columns(
    [
        specs.Numeric("price"),
        specs.Category("kind", ["flat", "house"]),
        specs.Integer("rooms", 1, 9),
        specs.Category("new", [False, True]),
    ]
)


def dense(shape, kernel, bias):
    layer = layers.Dense(len(bias))
    network = keras.Sequential([keras.Input(shape), layer])
    layer.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


def gaussian(**options):
    """N(B, COVARIANCE) as a VAE, whose encoder is only roughly right.

    The true posterior of the two latent values is correlated; the encoder's is not, is
    off by 0.3 and has three times the variance.
    """
    precision = np.eye(2) + W.T @ W / SIGMA**2
    gain = np.linalg.solve(precision, W.T).T / SIGMA**2
    log_var = np.log(3 / np.diag(precision))
    kernel = np.concatenate([gain, np.zeros((3, 2))], axis=1)
    encoder = dense((3,), kernel, [*(-B @ gain + 0.3), *log_var])
    likelihood = kg.Gaussian(SIGMA, unit_interval=False)
    return kg.VAE(encoder, dense((2,), W.T, B), likelihood=likelihood, **options)


def conditional(known, values):
    """Mean and covariance of the other values of N(B, COVARIANCE)."""
    new = [i for i in range(3) if i not in known]
    gain = COVARIANCE[np.ix_(new, known)]
    gain = gain @ np.linalg.inv(COVARIANCE[np.ix_(known, known)])
    mean = B[new] + gain @ (values - B[known])
    return mean, COVARIANCE[np.ix_(new, new)] - gain @ COVARIANCE[np.ix_(known, new)]


NUM_STEPS = 40


@pytest.mark.parametrize("known", but_slow(["0", "12"], ["12"]))
def test_draws_have_the_conditional_distribution(known):
    """Of 2,000 draws, within 4 standard errors: 0.09 of the deviation."""
    known = [int(place) for place in known]
    values = B[known] + np.array([1.5, -1.0])[: len(known)]
    x = np.full((2000, 3), np.nan, np.float32)
    x[:, known] = values
    filled = kg.impute(gaussian(seed=0), x, seed=0, num_steps=NUM_STEPS)
    np.testing.assert_array_equal(filled[:, known], x[:, known])
    new = [i for i in range(3) if i not in known]
    mean, covariance = conditional(known, values)
    deviation = np.sqrt(np.diag(covariance))
    error = (filled[:, new].mean(axis=0) - mean) / deviation
    np.testing.assert_allclose(error, 0, atol=4 / np.sqrt(len(x)))
    found = np.cov(filled[:, new], rowvar=False).reshape(covariance.shape)
    np.testing.assert_allclose(found, covariance, atol=0.15 * deviation.max() ** 2)


@pytest.mark.slow
def test_without_rejections_the_errors_of_the_encoder_remain(monkeypatch):
    """Why the chain is Metropolis within Gibbs and not Gibbs with the encoder alone."""
    x = np.full((4000, 3), np.nan, np.float32)
    x[:, 0] = B[0]
    mean, covariance = conditional([0], x[0, :1])

    def error():
        filled = kg.impute(gaussian(seed=0), x, seed=0, num_steps=60)[:, 1:]
        return np.abs((filled.mean(axis=0) - mean) / np.sqrt(np.diag(covariance))).max()

    assert error() < 4 / np.sqrt(len(x))
    monkeypatch.setattr(latents, "WARM_UP", 1)  # all proposals are accepted
    assert error() > 0.2


@pytest.mark.parametrize(("is_exact", "expected"), [(True, 4), (False, 20)])
def test_the_first_fifth_of_the_steps_accepts_every_proposal(is_exact, expected):
    """And of the others at most a part, since the encoder is only roughly right."""
    model, seen = gaussian(seed=0), []

    def redraw(x, z, noise):
        seen.append(z.numpy())
        return x

    x, seed = tf.zeros((200, 3)), tf.range(200)
    how = {"num_steps": 20, "is_exact": is_exact}
    model._posterior.filled(x, None, seed, redraw, **how)
    moved = [(after != before).all(1).mean() for before, after in pairwise(seen)]
    moved.insert(0, (seen[0] != 0).all(1).mean())
    assert [share == 1 for share in moved] == [i < expected for i in range(20)]
    assert min(moved) > 0.1


def linear_flow(mean, covariance, bijectors=()):
    """N(mean, covariance) as a flow, of `(3,)` vectors."""
    shift, layer = kg.bijectors.Standardization(), kg.bijectors.InvertibleLinear()
    model = kg.Flow([*bijectors, shift, layer], (len(mean),), seed=0)
    shift.mean.assign(mean)
    matrix = np.linalg.inv(np.linalg.cholesky(covariance)).T
    layer._permutation, lower, upper = scipy.linalg.lu(matrix)
    diagonal = np.diag(upper)
    layer._signs = np.sign(diagonal)
    layer.lower.assign(np.tril(lower, -1))
    layer.upper.assign(np.triu(upper, 1))
    layer.log_diagonal.assign(np.log(np.abs(diagonal)))
    return model


def mixture_flow(weights, means, covariances):
    """A mixture of normal distributions as a flow, whose latents are the vectors."""
    means, covariances = np.array(means)[:, ::-1], np.array(covariances)[:, ::-1, ::-1]
    base = kg.GaussianMixture.from_moments(weights, means, covariances)
    return kg.Flow([kg.bijectors.Permutation()], (len(means[0]),), base=base, seed=0)


FLOWS = {
    "linear": lambda: linear_flow(B, COVARIANCE),
    "far from its latents": lambda: mixture_flow([1.0], [B], [COVARIANCE]),
}


CASES = [("linear", "12"), ("linear", "0"), ("far from its latents", "0")]


@pytest.mark.parametrize(("name", "known"), but_slow(CASES, CASES[1:]))
def test_draws_of_flows_have_the_conditional_distribution(name, known):
    """Of 2,000 draws, within 4 standard errors: 0.09 of the deviation."""
    known = [int(place) for place in known]
    values = B[known] + np.array([1.5, -1.0])[: len(known)]
    x = np.full((2000, 3), np.nan, np.float32)
    x[:, known] = values
    filled = kg.impute(FLOWS[name](), x, seed=0, num_steps=20)
    np.testing.assert_array_equal(filled[:, known], x[:, known])
    new = [i for i in range(3) if i not in known]
    mean, covariance = conditional(known, values)
    deviation = np.sqrt(np.diag(covariance))
    error = (filled[:, new].mean(axis=0) - mean) / deviation
    np.testing.assert_allclose(error, 0, atol=4 / np.sqrt(len(x)))
    found = np.cov(filled[:, new], rowvar=False).reshape(covariance.shape)
    np.testing.assert_allclose(found, covariance, atol=0.15 * deviation.max() ** 2)


@pytest.mark.slow
def test_chains_of_flows_find_all_modes():
    """0.574 of the conditional density is in the left one of two far modes."""
    covariance = np.diag([0.3, 0.5])
    model = mixture_flow([0.7, 0.3], [[-3, 0], [3, 0.5]], [covariance] * 2)
    x = np.full((2000, 2), np.nan, np.float32)
    x[:, 1] = 0.8
    filled = kg.impute(model, x, seed=0, num_steps=40)[:, 0]
    weights = np.array([0.7, 0.3]) * np.exp(-(np.array([0.8, 0.3]) ** 2))
    assert (filled < 0).mean() == pytest.approx(weights[0] / weights.sum(), abs=0.045)
    for is_left, mean in ((True, -3), (False, 3)):
        part = filled[(filled < 0) == is_left]
        assert part.mean() == pytest.approx(mean, abs=0.1)
        assert part.var() == pytest.approx(0.3, rel=0.2)


@pytest.mark.slow
def test_flows_of_grey_values_fill_in_grey_values():
    bijectors = [kg.bijectors.Logit(), kg.bijectors.Flatten()]
    bijectors += kg.bijectors.real_nvp(2, units=(8,))
    grey = kg.bijectors.UniformDequantization(256)
    model = kg.Flow(bijectors, (4, 4, 1), dequantization=grey, seed=0)
    x = np.random.default_rng(0).random((20, 4, 4, 1)).astype("f4")
    mask = np.eye(4)
    filled = model.inpaint(x, mask, seed=0, num_steps=10)
    assert ((filled != x)[..., 0] <= (mask > 0)).all()
    assert (np.isfinite(filled) & (filled >= 0) & (filled <= 1)).all()
    assert (filled != x)[:, [0, 1, 2, 3], [0, 1, 2, 3]].mean() > 0.9


@pytest.mark.slow
def test_flows_of_tables_draw_categories_and_numbers_as_their_density_says():
    rng = np.random.default_rng(0)
    kind = rng.random(3000) < 0.3
    price = rng.normal(np.where(kind, 3, -1), 1)
    frame = pandas.DataFrame({"kind": np.where(kind, "a", "b"), "price": price})
    spec = specs.Columns.infer(frame)
    model = kg.Flow(kg.bijectors.neural_spline(2, units=(16,)), spec, seed=0)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(frame, epochs=4, batch_size=100, verbose=0)
    both = pandas.DataFrame({"kind": ["a", "b"], "price": [1.4, 1.4]})
    density = np.exp(model.log_prob(spec.check(both, "x")))
    holes = pandas.DataFrame({"kind": [None] * 500, "price": [1.4] * 500})
    filled = kg.impute(model, holes, seed=0, num_steps=25)
    expected = density[0] / density.sum()
    assert 0.2 < expected < 0.8
    assert (filled["kind"] == "a").mean() == pytest.approx(expected, abs=0.09)
    holes = pandas.DataFrame({"kind": ["a", "b"] * 250, "price": [np.nan] * 500})
    filled = kg.impute(model, holes, seed=0, num_steps=25)
    assert filled["price"][::2].mean() == pytest.approx(3, abs=0.5)
    assert filled["price"][1::2].mean() == pytest.approx(-1, abs=0.5)


def test_a_chain_of_a_row_does_not_depend_on_other_rows():
    model = linear_flow(B, COVARIANCE)
    x = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 0.0], [0.5, 1.0, 2.0]], "f4")
    filled = kg.impute(model, x, seed=3, num_steps=4)
    again = kg.impute(model, x[:1], seed=3, num_steps=4)
    np.testing.assert_allclose(filled[:1], again, rtol=1e-4)
    np.testing.assert_array_equal(filled[2], x[2])
    with pytest.raises(ValueError, match="num_steps must be at least 2, received 1"):
        kg.impute(model, x, num_steps=1)


@keras.saving.register_keras_serializable(package="tests")
class ExactPair(keras.layers.Layer):
    """Denoises pairs with mean 0, deviation 1 and correlation 0.8, of `Cosine`."""

    def call(self, inputs):
        x, level = inputs
        schedule = kg.schedules.Cosine()
        t = schedule.time(keras.ops.reshape(-8 * level, (-1, 1)))
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        turned = np.array([[1.0, 1.0], [1.0, -1.0]], "float32") * np.float32(0.5**0.5)
        variance = np.array([1.8, 0.2], "float32")
        y = keras.ops.matmul(x, turned)
        y = alpha * variance / (alpha**2 * variance + sigma**2) * y
        clean = keras.ops.matmul(y, turned)
        return (alpha * x - clean) / sigma  # v


@pytest.mark.slow
def test_a_diffusion_model_is_right_to_a_seventh_of_a_deviation():
    """Of 4,000 draws. Its own solvers are off by a deviation."""
    inputs = [keras.Input((2,)), keras.Input((1,))]
    network = keras.Model(inputs, ExactPair()(inputs))
    model = kg.Diffusion(network, kg.schedules.Cosine(), ema_decay=None, seed=0)
    x = np.full((4000, 2), np.nan, np.float32)
    x[:, 0] = 1.5
    mean, deviation = 0.8 * 1.5, 0.6
    filled = kg.impute(model, x, seed=0)
    np.testing.assert_array_equal(filled[:, 0], x[:, 0])
    assert filled[:, 1].mean() == pytest.approx(mean, abs=deviation / 7)
    assert filled[:, 1].std() == pytest.approx(deviation, rel=0.15)
    own = kg.impute(model, x, seed=0, sampling=model.sampling)[:, 1]
    assert mean - own.mean() > deviation


def table():
    return pandas.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "price": [0.1, np.nan, 3.0, 4.5],
            "kind": ["flat", "house", None, "flat"],
            "rooms": [1, np.nan, 3, 9],
            "new": [True, None, False, True],
        },
        index=[7, 3, 5, 9],
    )


@pytest.fixture(scope="module")
def homes():
    pair = kg.networks.mlp_vae(HOMES, 2, units=(8,))
    model = kg.VAE(*pair, inputs=HOMES, seed=0)
    model.scale.find(HOMES.stand_in(50))
    return model


def test_tables_keep_known_cells_types_and_other_columns(homes):
    frame = table()
    filled = kg.impute(homes, frame, seed=0, num_steps=5)
    known = frame.notna().to_numpy()
    assert (filled.to_numpy()[known] == frame.to_numpy()[known]).all()
    assert not filled.isna().any(axis=None)
    assert list(filled.index) == [7, 3, 5, 9]
    assert list(filled.columns) == list(frame.columns)
    kinds = {name: filled[name].dtype.kind for name in ("price", "rooms", "new")}
    assert kinds == {"price": "f", "rooms": "i", "new": "b"}
    assert filled["kind"][5] in ("flat", "house")
    assert 1 <= filled["rooms"][3] <= 9
    assert frame.isna().to_numpy().sum() == 4  # the table itself is unchanged
    again = kg.impute(homes, frame, seed=0, num_steps=5)
    pandas.testing.assert_frame_equal(again, filled)


def test_pandas_own_types_stay(homes):
    frame = table().astype({"rooms": "Int64", "kind": "category", "new": "boolean"})
    filled = kg.impute(homes, frame, seed=0, num_steps=5)
    assert dict(filled.dtypes.drop("id")) == dict(frame.dtypes.drop("id"))


def test_a_complete_table_is_returned_as_it_is(homes):
    frame = table().dropna()
    pandas.testing.assert_frame_equal(kg.impute(homes, frame), frame)
    rows = HOMES.check(frame[list(HOMES.names)], "x")
    np.testing.assert_array_equal(kg.impute(homes, rows), rows)


def test_what_cannot_be_imputed_is_said(homes):
    with pytest.raises(ValueError, match="without 'kind'. Add a column of missing"):
        kg.impute(homes, table().drop(columns="kind"))
    wrong = table()
    wrong.loc[9, "kind"] = "barn"
    with pytest.raises(ValueError, match="'kind', row 3: received 'barn', expected"):
        kg.impute(homes, wrong)
    gan = kg.GAN(*kg.networks.mlp_gan((2,), 2))
    with pytest.raises(TypeError, match="must have inpaint, .* received GAN"):
        kg.impute(gan, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 4\)"):
        kg.impute(homes, np.ones((1, 2)))
    with pytest.raises(ValueError, match="num_steps must be"):
        kg.impute(homes, table(), num_steps=0)


WITH_MISSING = specs.Columns(
    [
        specs.Numeric("price", has_missing=True),
        specs.Category("kind", ["flat", "house", None]),
        specs.Integer("rooms", 1, 9, has_missing=True),
        specs.Date("day", "2020-01-01", "2020-12-31", has_missing=True),
    ]
)


def test_a_model_that_knows_of_missing_values_fills_them_all_the_same():
    pair = kg.networks.mlp_vae(WITH_MISSING, 2, units=(8,))
    model = kg.VAE(*pair, inputs=WITH_MISSING, seed=0)
    model.scale.find(WITH_MISSING.stand_in(50))
    frame = WITH_MISSING.to_frame(WITH_MISSING.stand_in(20, seed=1))
    frame.loc[3] = [None] * 4
    known = frame.notna()
    assert not known.all(axis=None)
    filled = kg.impute(model, frame, seed=0, num_steps=5)
    assert filled.notna().all(axis=None)
    for name in frame:
        kept = known[name].to_numpy()
        assert filled[name][kept].tolist() == frame[name][kept].tolist()
    assert set(filled["kind"]) <= {"flat", "house"}
    assert filled["rooms"].between(1, 9).all()
    assert (filled["day"].dt.year == 2020).all()
    rows = WITH_MISSING.check(frame, "x")
    again = kg.impute(model, rows, seed=0, num_steps=5)
    assert np.isfinite(again).all()
    assert (again[:, 1] < 2).all()


def test_columns_that_are_always_missing_are_named(homes, monkeypatch):
    """A model that draws missing values whenever it is asked."""

    def inpaint(x, mask, **how):
        return np.where(mask, np.nan, x)

    monkeypatch.setattr(homes, "inpaint", inpaint, raising=False)
    with pytest.raises(ValueError, match="'price', 'rooms' stay incomplete after 50"):
        kg.impute(
            homes, table().drop(columns=["kind", "new"]).assign(kind="flat", new=True)
        )


@pytest.mark.slow
def test_the_condition_is_that_of_each_row():
    """Rows of two classes; the decoder knows the class alone."""
    pair = kg.networks.mlp_vae((2,), 1, units=(4,), num_classes=2)
    model = kg.VAE(*pair, likelihood=kg.Gaussian(0.1, unit_interval=False), seed=0)
    *_, last = model.decoder.layers
    kernel, bias = last.get_weights()
    last.set_weights([0 * kernel, bias + 5])
    x = np.array([[1, np.nan], [2, 3], [np.nan, 4]], np.float32)
    filled = kg.impute(model, x, condition=[0, 1, 1], seed=0, num_steps=5)
    np.testing.assert_allclose(filled[[0, 2], [1, 0]], 5, atol=0.5)
    with pytest.raises(ValueError, match="labels"):
        kg.impute(model, x, seed=0)
    with pytest.raises(ValueError, match="received 2 rows for 3"):
        kg.impute(model, x, condition=[0, 1], seed=0)

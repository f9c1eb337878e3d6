"""Players in any number: who moves when, by which optimizer, and what is kept of it."""

import random

import keras
import numpy as np
import pytest
from keras import ops

import keras_gen as kg

NAMES, RATES = ("p", "q", "r", "s"), {"p": 0.1, "q": 0.2, "r": 0.3, "s": 0.4}
X = np.random.default_rng(0).random((48, 2), "float32")
ORDER = (("p", "q"), "r", "s")


def network(seed):
    start = keras.initializers.RandomUniform(0.5, 1.5, seed=seed)
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer=start)
    return keras.Sequential([keras.Input((2,)), layer])


@keras.saving.register_keras_serializable("tests")
class Four(kg.GenerativeModel):
    """p and q share the loss p(x) q(x); r follows p, and s follows r."""

    arguments = ("networks", "players", "order", "scales")

    def __init__(self, networks=None, players=None, order=ORDER, scales=None, **kwargs):
        networks = networks or [network(i) for i in range(4)]
        how = {name: dict((players or {}).get(name, {})) for name in NAMES}
        moving = [
            kg.Player(name, network, **how[name])
            for name, network in zip(NAMES, networks, strict=True)
        ]
        inputs = kg.specs.Vectors(2, is_unit=True)
        super().__init__(inputs, players=moving, **kwargs)
        self.networks, self.players, self.order = list(networks), players, order
        self.scales = scales or {}

    def turns(self, x, condition, noise, *, training):
        p, q, r, s = self.networks
        losses = {
            "pq": lambda: ops.mean(p(x) * q(x)),
            "r": lambda: ops.mean(r(x) * p(x)),
            "s": lambda: ops.mean(s(x) * r(x)),
        }
        for names in self.order:
            name = "".join(names)
            loss = losses[name]() * self.scales.get(name, 1.0)
            who = names if isinstance(names, str) else tuple(names)
            yield who, {f"{name}_loss": loss}


def make(options=None, *, optimizers=None, compiled=None, **arguments):
    random.seed(0)
    model = Four(players=options, seed=3, **arguments)
    chosen = {f"{n}_optimizer": keras.optimizers.SGD(r) for n, r in RATES.items()}
    for name, optimizer in (optimizers or {}).items():
        chosen[f"{name}_optimizer"] = optimizer
    model.compile(**chosen, **(compiled or {"run_eagerly": True}))
    return model


def fit(model, x=X[:16], **options):
    options = {"batch_size": 16, "shuffle": False, "verbose": 0} | options
    return model.fit(x, **options).history


def weights(model):
    networks = zip(NAMES, model.networks, strict=True)
    return {k: v.get_weights()[0].astype(float) for k, v in networks}


def optimizer_of(model, name):
    return model.optimizer.players[NAMES.index(name)]


def by_hand(w, x, order=ORDER, rates=RATES):
    """A step of gradient descent of each, in the order of their turns."""
    w, x = dict(w), x.astype(float)

    def pull(name):  # the gradient of mean(own(x) * other(x))
        return (x * (x @ w[name])).mean(axis=0)[:, None]

    for names in order:
        pulls = {"pq": ("q", "p"), "r": ("p",), "s": ("r",)}["".join(names)]
        gradients = [pull(other) for other in pulls]  # before either moves
        for name, gradient in zip(names, gradients, strict=True):
            w[name] = w[name] - rates[name] * gradient
    return w


@pytest.mark.parametrize("mover", NAMES)
def test_each_optimizer_moves_its_own_network_only(mover):
    still = {n: keras.optimizers.SGD(0.0) for n in NAMES if n != mover}
    model = make(optimizers=still)
    before = weights(model)
    fit(model)
    for name, found in weights(model).items():
        assert np.array_equal(found, before[name]) == (name != mover)


@pytest.mark.parametrize("compiled", [{"run_eagerly": True}, {"jit_compile": True}])
@pytest.mark.parametrize(
    "order", [ORDER, ("s", "r", ("p", "q")), ("r", ("p", "q"), "s")]
)
def test_players_move_in_the_order_of_their_turns(order, compiled):
    """Two on one loss follow its gradients as it was before either moved."""
    model = make(order=order, compiled=compiled)
    expected = weights(model)
    fit(model, X[:48])
    for start in (0, 16, 32):
        expected = by_hand(expected, X[start : start + 16], order)
    for name, found in weights(model).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-5)


def test_losses_and_norms_are_the_metrics():
    model = make()
    w, x = weights(model), X[:16].astype(float)
    logs = fit(model)
    losses = {"pq_loss", "r_loss", "s_loss"}
    assert set(logs) == losses | {f"{name}_gradient_norm" for name in NAMES}
    found = logs["pq_loss"][0]
    assert found == pytest.approx(((x @ w["p"]) * (x @ w["q"])).mean(), rel=1e-5)
    after = by_hand(w, x)
    found = logs["s_loss"][0]  # by the r that has moved
    assert found == pytest.approx(((x @ w["s"]) * (x @ after["r"])).mean(), rel=1e-5)
    for name in NAMES:
        length = np.linalg.norm(after[name] - w[name]) / RATES[name]
        assert logs[f"{name}_gradient_norm"][0] == pytest.approx(length, rel=1e-4)
    held_out = model.evaluate(X, verbose=0, return_dict=True)
    assert set(held_out) == losses


@pytest.mark.parametrize("order", [ORDER, ("s", ("p", "q"), "r")])
def test_a_player_waits_for_its_turn(order):
    """Before or after the first player's turn, that counts the steps."""
    model, moved = make({"s": {"every": 3}}, order=order), []
    for _ in range(7):
        before = weights(model)
        fit(model)
        after = weights(model)
        moved.append([n for n in NAMES if not np.array_equal(before[n], after[n])])
    both = [["p", "q", "r"], ["p", "q", "r"], [*NAMES]]
    assert moved == [*both, *both, both[0]]


def test_averages_of_several_players_follow_their_own():
    decays = {"p": 0.05, "s": 0.5}
    model = make({name: {"ema_decay": decay} for name, decay in decays.items()})
    expected = {name: weights(model)[name] for name in decays}
    for step in range(4):
        fit(model)
        for name, decay in decays.items():
            share = min(decay, (1 + step) / (10 + step))
            expected[name] = share * expected[name] + (1 - share) * weights(model)[name]
    assert model.use_ema
    for name, network in zip(NAMES, model.networks, strict=True):
        found = model.network_of(name)
        if name in decays:
            np.testing.assert_allclose(
                found.get_weights()[0], expected[name], rtol=1e-5
            )
            assert not np.allclose(expected[name], weights(model)[name], rtol=1e-4)
        else:
            assert found is network
    model.use_ema = False
    assert [model.network_of(name) for name in NAMES] == model.networks


def test_four_optimizers_are_saved_and_loaded_with_their_states(tmp_path):
    optimizers = {
        "p": keras.optimizers.Adam(0.01),
        "q": keras.optimizers.SGD(0.02, momentum=0.9),
        "r": keras.optimizers.RMSprop(0.03),
        "s": keras.optimizers.AdamW(0.04, beta_1=0.5),
    }
    model = make({"p": {"ema_decay": 0.5}, "s": {"every": 2}}, optimizers=optimizers)
    fit(model, X)
    model.save(tmp_path / "four.keras")
    loaded = keras.saving.load_model(tmp_path / "four.keras")
    for name, optimizer in optimizers.items():
        found = optimizer_of(loaded, name)
        assert type(found) is type(optimizer)
        assert found.get_config() == optimizer.get_config()
        assert len(found.variables) == len(optimizer.variables) > 1
    for _ in range(2):
        for a, b in zip(
            [*model.variables, *model.optimizer.variables],
            [*loaded.variables, *loaded.optimizer.variables],
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        fit(model, X)
        fit(loaded, X)
    assert loaded.training_steps == 9


def test_one_player_gathers_gradients_while_the_others_move():
    slow = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model = make({"r": {"ema_decay": 0.0}}, optimizers={"r": slow})
    before, moved, averages = weights(model), [], []
    for _ in range(4):
        fit(model)
        after = weights(model)
        moved.append([n for n in NAMES if not np.array_equal(before[n], after[n])])
        averages.append(np.array_equal(model.average.get_weights()[0], after["r"]))
        before = after
    assert moved == [["p", "q", "s"], [*NAMES]] * 2
    assert averages == [True] * 4
    assert int(model._counts["r_averaged"]) == 2


def test_each_player_scales_its_loss():
    """In half precision one player's overflow leaves the others as they are."""
    model = make(scales={"r": 1e36}, dtype="mixed_float16")
    scales = {n: float(optimizer_of(model, n).dynamic_scale) for n in NAMES}
    assert set(scales.values()) == {2.0**15}
    before = weights(model)
    logs = fit(model)
    after = weights(model)
    for name in NAMES:
        scale = float(optimizer_of(model, name).dynamic_scale)
        assert scale == (2.0**14 if name == "r" else 2.0**15)
        assert np.array_equal(before[name], after[name]) == (name == "r")
    assert logs["r_gradient_norm"] == [0.0]
    expected = by_hand(before, X[:16], rates=RATES | {"r": 0.0})
    np.testing.assert_allclose(after["s"], expected["s"], rtol=1e-3)


WRONG = {
    "no turn": ((("p", "q"), "s"), "each player once per step, and never yielded r"),
    "two turns": (("r", "r"), "turns has a second turn of 'r': each of the players p"),
}


@pytest.mark.parametrize(("order", "message"), WRONG.values(), ids=WRONG)
def test_turns_that_leave_a_player_out_are_refused(order, message):
    with pytest.raises(ValueError, match=message):
        fit(make(order=order))


def test_a_player_that_is_not_there_is_refused():
    class Strange(Four):
        def turns(self, x, condition, noise, *, training):
            yield "t", {"t_loss": ops.mean(self.networks[0](x))}

    model = Strange(seed=0)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="a turn of 't': each of the players p, q, r"):
        fit(model)


@pytest.mark.parametrize("runs", ["fit", "evaluate"])
def test_losses_of_players_must_be_scalars(runs):
    model = Four(order=(("p", "q"), "r", "s"), seed=0)
    losses = ops.ones(16), ops.ones((16, 1)), ops.ones(())
    turns = zip(model.order, losses, strict=True)
    model.turns = lambda *_, **__: ((who, {f"{who[0]}_loss": v}) for who, v in turns)
    model.compile(run_eagerly=True)
    words = r"Four.turns must yield scalars, received 'p_loss' of shape \(16,\)\. "
    with pytest.raises(ValueError, match=words + r".*keras\.ops\.mean\(p_loss\)"):
        getattr(model, runs)(X[:16], batch_size=16, verbose=0)


def test_a_turn_without_a_loss_is_refused():
    model = Four(seed=0)
    model.turns = lambda *_, **__: iter([("p", {})])
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match="must yield a loss of p, received no terms"):
        fit(model)


def test_a_network_must_be_built_before_it_is_a_player():
    open_network = keras.Sequential([keras.layers.Dense(1)], name="open")
    words = r"network of the player 'p' must be built, received open, .*keras.Input"
    with pytest.raises(ValueError, match=words):
        kg.Player("p", open_network, ema_decay=0.5)
    open_network.build((None, 2))
    assert len(kg.Player("p", open_network, ema_decay=0.5).average.weights) == 2
    kg.Player("p", keras.Sequential([keras.Input((2,)), keras.layers.ReLU()]))


def test_weights_that_no_player_moves_are_refused():
    model = make({"p": {"ema_decay": 0.5}})
    model.extra = model.add_weight((2,), "zeros", name="extra")
    model.judge = network(5)
    words = r"no player trains four\w*/extra, .*kernel\. Make them part of the network"
    with pytest.raises(ValueError, match=words + ".*trainable=False"):
        fit(model)
    assert model.training_steps == 0
    model.extra.trainable = model.judge.trainable = False
    fit(model)
    assert model.training_steps == 1


def test_players_need_names_of_their_own():
    players = [kg.Player("p", network(0)), kg.Player("p", network(1))]
    with pytest.raises(ValueError, match=r"distinct names, received \['p', 'p'\]"):
        kg.GenerativeModel(kg.specs.Vectors(2), players=players)


def test_one_optimizer_stands_for_all_players():
    given = keras.optimizers.Adam(0.07, beta_1=0.5, clipnorm=2.0)
    own = keras.optimizers.SGD(0.5)
    model = Four(seed=0)
    model.compile(given, q_optimizer=own)
    found = {name: optimizer_of(model, name) for name in NAMES}
    assert found.pop("q") is own
    assert len({id(v) for v in (given, *found.values())}) == 4
    for optimizer in found.values():
        assert optimizer.get_config() == given.get_config()
    model.compile("rmsprop")
    kinds = {type(optimizer_of(model, name)) for name in NAMES}
    assert kinds == {keras.optimizers.RMSprop}
    with pytest.raises(ValueError, match="must be 4 different objects, received one"):
        model.compile(p_optimizer=own, q_optimizer=own)
    words = "'t_optimizer'.* takes p_optimizer, q_optimizer, r_optimizer, s_optimizer"
    with pytest.raises(TypeError, match=words):
        model.compile(t_optimizer="sgd")


def test_callbacks_know_the_losses_of_players():
    model = make()
    stop = keras.callbacks.EarlyStopping("val_r_loss", patience=0)
    logs = fit(model, validation_data=(X[16:], None), callbacks=[stop], epochs=3)
    assert logs["val_r_loss"][0] > logs["val_r_loss"][-1]
    assert len(logs["val_r_loss"]) == 3

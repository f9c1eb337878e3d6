"""Settings of presets and recipes: declared once, shown, checked, recorded."""

import json
import re
from typing import Annotated, Literal

import keras
import numpy as np
import pytest

from keras_gen import zoo
from keras_gen.specs import Classes, Images, Tokens, Vectors
from keras_gen.tokenizers import CharacterTokenizer
from keras_gen.zoo import cli, settings, store
from keras_gen.zoo.recipe import UsageError, find, preset_names
from keras_gen.zoo.settings import Says
from keras_gen.zoo.showing import facts_of, setting_rows

from ..marks import but_slow

pytestmark = pytest.mark.usefixtures("without_xla")
TEXTS = Tokens(4, 8, CharacterTokenizer.from_text("abc\n"), 0)
SLOW = {*preset_names()} - {"transformer"}
CHANGED = {int: 2, float: 0.25, bool: True, tuple: (8,)}
SPECIAL = {"strength": 2.0, "filters": 4, "kernel_size": 5, "hidden": 16}
SPECIAL |= {"num_steps": 4, "halvings": 5.0}
SPECIAL |= {"blocks": 3, "commitment": 0.5, "prior_channels": 8}
NUMBERED = re.compile(r"(?<=[a-z])_\d+\b")  # names that Keras gives


def example(
    first,
    *,
    count: Annotated[int, Says("A count.")] = 3,
    share: Annotated[float | None, Says("A share.", 0, 1)] = None,
    sizes: Annotated[tuple[int, ...] | None, Says("Sizes.")] = None,
    kind: Annotated[Literal["a", "b"], Says("A kind.")] = "a",
    fast: Annotated[bool, Says("Whether it is fast.")] = False,
    other: int = 0,
):
    """A function with settings."""


KNOWN = settings.of_function(example)


def test_a_function_declares_its_settings():
    assert list(KNOWN) == ["count", "share", "sizes", "kind", "fast"]
    assert KNOWN["count"].expected == "an integer >= 1"
    assert KNOWN["share"].expected == "a number >= 0 and <= 1, or none"
    assert KNOWN["sizes"].expected == "integers >= 1 such as 32,64, or none"
    assert KNOWN["kind"].expected == "a, b"
    assert KNOWN["share"].meaning == "A share."
    assert settings.of_function(example, {"count": 7})["count"].default == 7


def test_texts_become_values():
    texts = ["count=4", "share=1", "sizes=8,16", "kind=b", "fast=true"]
    values = settings.parse(texts, KNOWN, "it")
    assert values == {
        "count": 4,
        "fast": True,
        "kind": "b",
        "share": 1.0,
        "sizes": (8, 16),
    }
    again = [f"{name}={settings.shown(value)}" for name, value in values.items()]
    assert settings.parse(again, KNOWN, "it") == values
    assert settings.parse(["share=none"], KNOWN, "it") == {"share": None}


WRONG = {
    "count=0": "count must be an integer >= 1, received 0",
    "count=1.5": "count must be an integer >= 1, received '1.5'",
    "share=2": "share must be a number >= 0 and <= 1, or none, received 2",
    "share=nan": "received nan",
    "sizes=8,x": "sizes must be integers >= 1 such as 32,64, or none, received '8,x'",
    "sizes=0": r"received \(0,\)",
    "kind=c": "kind must be a, b, received 'c'",
    "fast=1": "fast must be true or false, received '1'",
    "count": "--set must be NAME=VALUE",
    "cuont=1": "it has no setting 'cuont'. Did you mean count.* It takes count, share",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_values_are_refused(text):
    with pytest.raises(UsageError, match=WRONG[text]):
        settings.parse([text], KNOWN, "it")


def test_a_setting_is_chosen_once():
    with pytest.raises(UsageError, match="names count twice"):
        settings.parse(["count=1", "count=2"], KNOWN, "it")


@pytest.mark.parametrize("name", but_slow(preset_names(), SLOW))
def test_every_setting_of_a_preset_has_an_effect(name):
    """Each, changed alone, changes the model or its training."""
    preset, unchanged = find(name), {}

    def facts(spec, chosen):
        tuned = preset.tuned(chosen, name)
        known = None if isinstance(spec, Tokens) else Classes(3)
        known = spec if preset.reads else known  # images to translate
        model = tuned.pinned(spec, known, "tiny").build(0, steps=40)
        config = json.dumps(keras.saving.serialize_keras_object(model), default=str)
        return NUMBERED.sub("", config)

    for one in preset.settings.values():
        if one.name == "warmup_steps":
            chosen = {"schedule": "cosine", "warmup_steps": 2}
            assert preset.tuned(chosen, name).rate.warmup_steps == 2
            with pytest.raises(UsageError, match="schedule=cosine"):
                preset.tuned({"schedule": "constant", "warmup_steps": 2}, name)
            continue
        spec = Vectors(3)
        if one.of == "images" or not preset.takes(spec):
            side = 8 if preset.smallest <= 8 else 2 * preset.smallest
            side = 16 if "patch" in preset.settings else side  # of two pixels
            spec = Images(side, side, 1)
        spec = TEXTS if preset.takes(None) else spec
        if spec not in unchanged:
            unchanged[spec] = facts(spec, {})
        value = SPECIAL.get(one.name, CHANGED.get(one.kind))
        if one.name == "channels":
            value = (8, 16) if one.kind is tuple else 8
        if one.choices:
            value = next(c for c in one.choices[::-1] if c != one.default)
        assert facts(spec, {one.name: value}) != unchanged[spec], one.name


def test_a_setting_without_effect_is_refused():
    tuned = find("vae").tuned({"channels": (8,)}, "vae")
    with pytest.raises(
        UsageError, match="channels is for images, series and clips with si"
    ):
        tuned.pinned(Vectors(3), None, "tiny")
    tuned = find("vae").tuned({"units": (8,)}, "vae")
    with pytest.raises(UsageError, match="units is for other data, received Images"):
        tuned.pinned(Images(8, 8, 1), None, "tiny")


RATES = {"vae_digits": 1e-3, "gan_ring": None, "r3gan_ring": None}


@pytest.mark.parametrize("name", RATES)
def test_the_rate_of_a_recipe_can_be_chosen(name):
    recipe = find(name).tuned({"learning_rate": 0.125}, name)
    own = {"steps": 40} if RATES[name] is None else {}
    model = recipe.build(0, **own)
    for optimizer in model._players.optimizers().values():
        assert float(optimizer.learning_rate) == 0.125
        if own:
            schedule = optimizer._learning_rate
            assert float(schedule(20)) == pytest.approx(0.125 / 2, rel=1e-5)
            assert float(schedule(40)) == 0


def test_settings_are_shown(capsys):
    facts = facts_of("vae")
    assert facts["kind"] == "preset"
    assert facts["sizes"]["base"] == 32
    assert facts["settings"]["beta"]["default"] == 1.0
    assert "base (width 32, the default)" in facts["shown"]["sizes"]
    rows = {name: row for name, *row in setting_rows("vae")}
    assert rows["beta"] == ["1", "a number >= 0", "Factor of the KL term of the loss."]
    assert rows["units"][-1].endswith("(Vectors, tables.)")
    cli.show("vae", as_json=True)
    assert json.loads(capsys.readouterr().out)["settings"] == facts["settings"]
    cli.show("vae")
    assert "Factor of the KL term of the loss." in capsys.readouterr().out
    facts = facts_of("flow_matching_mnist")
    assert facts["parameters"] == 894_561
    assert facts["settings"]["learning_rate"]["default"] == 1e-3


@pytest.mark.slow
def test_settings_are_recorded_and_compared(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)))
    out, chosen = tmp_path / "run", {"beta": 4, "units": (8,), "learning_rate": 0.5}
    how = {"data": tmp_path / "x.npy", "size": "tiny", "epochs": 1}
    model = zoo.train("vae", out, settings=chosen, **how)
    assert model.objective.beta == 4
    assert model.encoder.layers[-2].units == 8
    recorded = store.settings_of(out)["settings"]
    assert recorded == {"beta": 4.0, "learning_rate": 0.5, "units": [8]}
    assert store.recipe_of(out).rate.peak == 0.5
    (out / store.MODEL).unlink()
    for wrong, words in {
        "beta": "has beta=4.0, received 2.0",
        "free_bits": "has free_bits=its default, received 2.0",
    }.items():
        with pytest.raises(UsageError, match=words):
            zoo.train("vae", out, settings={wrong: 2}, resume=True)
    text = (out / store.RECIPE).read_text().replace("4.0", "[]")
    (out / store.RECIPE).write_text(text)
    with pytest.raises(RuntimeError, match="settings must be numbers or texts"):
        zoo.train("vae", out, resume=True)

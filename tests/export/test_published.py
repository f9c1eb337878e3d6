"""Every published recipe, exported in every form; up to minutes each: slow tests."""

import warnings

import numpy as np
import pytest

from keras_gen import export, zoo
from keras_gen.zoo import store
from keras_gen.zoo.exporting import export_source
from keras_gen.zoo.recipe import recipe_names

PUBLISHED = [name for name in recipe_names() if store.is_pretrained(name)]
FORMS = ("saved_model", *export.QUANTIZATIONS)
QUICK = ("vae_mnist", "gan_digits", "conditional_gan_digits", "classifier_digits")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*They are dropped")  # lines that are too long
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name not in QUICK))
        for name in PUBLISHED
    ],
)
def test_a_published_recipe_exports_in_every_form(name, form, tmp_path):
    is_file = form != "saved_model"
    kind, quantization = ("tflite", form) if is_file else (form, "none")
    call = (name, tmp_path, kind)
    if form == "int8" and all(e.exact for e in export.endpoints_of(zoo.load(name))):
        with pytest.raises(
            ValueError, match="'int8' is unsupported for .*Use 'dynamic'"
        ):
            export_source(*call, quantization=quantization)
        assert not [*tmp_path.iterdir()]
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        path = export_source(*call, quantization=quantization)
    lost = {
        str(w.message).split(" for ")[1].split(":")[0]
        for w in told
        if "is meaningless for" in str(w.message)
    }
    assert lost <= {"encode", "decode"}  # codes of a solver
    assert not lost or quantization == "dynamic"
    artifact = export.artifact(path)
    offered = [
        e.name
        for e in export.endpoints_of(zoo.load(name))
        if not (is_file and e.has_strings)
        and not (form == "int8" and e.exact)
        and e.name not in lost
    ]
    assert list(artifact["endpoints"]) == offered
    assert artifact["stated_tolerance"] is None
    for endpoint, facts in artifact["endpoints"].items():
        shapes = [t["shape"] for k in ("inputs", "outputs") for t in facts[k].values()]
        assert {shape[0] for shape in shapes} == {1 if is_file else None}, endpoint
        if not facts.get("draws"):
            assert facts["mean_error"] <= (0.05 if form in FORMS[2:] else 1e-4)
            assert np.isfinite(facts["error"])
    size = sum(file["bytes"] for file in artifact["files"].values())
    assert artifact["reference"]["bytes"] < size
    if name.startswith("classifier"):
        assert offered == ["classify"]

"""The notebooks run, and what is stored of them is fit to be read."""

import ast
import math
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = [path.name for path in sorted(FOLDER.glob("*.ipynb"))]
MAX_BYTES, MAX_CODE_CELLS = 1_500_000, 15
SMALL_EPOCHS = 5
WITHOUT_XLA = """
from keras_gen.engine import loop
loop.default_jit = lambda model: False  # compiling would take most of the time
"""
ABSOLUTE_PATH = re.compile(
    r"(?<![\w./:])/(home|root|tmp|usr|var|work|Users)/|[A-Z]:\\\\"
)


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def printed(notebook):
    streams = [o for o in outputs(notebook) if o.output_type == "stream"]
    return "".join(o.text for o in streams if o.name == "stdout")


def images(notebook):
    return [o for o in outputs(notebook) if "image/png" in o.get("data", {})]


def figures(pattern, text):
    return [float(value) for value in re.findall(pattern, text, re.MULTILINE)]


def check_autoencoder(text):
    errors = figures(r"test error (\S+)", text)
    assert errors == sorted(errors, reverse=True), "a larger code loses less"
    noisy, denoised = figures(r"squared error per \w+ test image: (\S+)", text)
    assert denoised < noisy
    aucs = figures(r"AUC (\S+)", text)
    assert len(aucs) == 3
    assert min(aucs) > 0.5


def check_vae(text):
    assert all(elbo < 0 for elbo in figures(r"test ELBO: (\S+)", text))
    errors = figures(r"largest (?:error|difference to Keras) ([\d.e+-]+)", text)
    assert len(errors) == 6, "two endpoints of two artifacts, and each run by hand"
    assert max(errors) < 1e-5


def check_gan(text):
    [loss] = figures(r"discriminator_loss +(\S+)", text)
    assert abs(loss - math.log(4)) < 0.2
    assert "the discriminator has won" in text
    rows = re.findall(r"^ +(?:none|2|1|0\.5) +(0.*)", text, re.MULTILINE)
    values = [[float(value) for value in row.split()] for row in rows]
    distances = [row[-1] for row in values]
    assert len(distances) == 4
    assert distances == sorted(distances, reverse=True), "less noise, less variety"
    rows = re.findall(r"^ +(?:5|20) +(0.*)", text, re.MULTILINE)
    accuracies = [float(a) for row in rows for a in re.findall(r"(\S+) ±", row)]
    assert len(accuracies) == 8
    assert all(0.1 < accuracy < 1 for accuracy in accuracies)
    errors = figures(r"largest error ([\d.e+-]+)", text)
    assert len(errors) == 2, "sample and generate"
    assert max(errors) < 1e-5


def flow_aucs(text):
    rows = re.findall(r"^(.+?) +median .*AUC (\S+)", text, re.MULTILINE)
    return {name: float(auc) for name, auc in rows}


def check_flows(text):
    [[value, error]] = re.findall(r"log-likelihood (\S+) ± (\S+)", text)
    [limit] = figures(r"minus the entropy +(\S+)", text)
    assert float(value) < limit + 3 * float(error)
    [bits] = figures(r"at most (\S+) ±", text)
    assert 0 < bits < math.log2(17)
    aucs = flow_aucs(text)
    assert len(aucs) == 16
    assert aucs["shuffled pixels"] > 0.99
    assert aucs["inverted"] > 0.99
    rows = re.findall(r"^ +(?:0\.5|0\.7|1\.0) (.*)", text, re.MULTILINE)
    distances = [float(row.split()[-1]) for row in rows]
    assert len(distances) == 3
    assert distances == sorted(distances), "a higher temperature, more variety"
    errors = figures(r"largest error of \S+ (\S+)", text)
    assert len(errors) == 3
    assert max(errors) < 1e-4


def check_diffusion(text):
    differences = figures(r"largest difference \S+ .*?([\d.]+e[+-]\d+)", text)
    differences += figures(r"largest error ([\d.]+e[+-]\d+)", text)
    assert len(differences) == 4, "a way by hand, two endpoints, a run of the file"
    assert max(differences) < 1e-5
    [limit] = figures(r"minus the entropy (\S+)", text)
    rows = re.findall(r"log_prob (\S+) ± (\S+), elbo (\S+) ±", text)
    assert len(rows) == 2
    assert all(float(v) < limit + 3 * float(error) for v, error, _ in rows)
    sums = figures(r"density sums to (\S+)", text)
    assert all(abs(total - 1) < 0.05 for total in sums)
    rows = re.findall(r"^ +[0124] +(\S+) +\S+ +\S+ +\S+$", text, re.MULTILINE)
    shares = [float(share) for share in rows]
    assert len(shares) == 4
    assert shares[0] < 0.3, "strength 0 leaves the class out"
    assert min(shares[1:]) > 0.9
    assert figures(r"largest change above (\S+)", text) == [0, 0]
    edits, noises = re.search(
        r"new class +distance\n(.*?)^noise(.*)", text, re.DOTALL | re.MULTILINE
    ).groups()
    old = [float(row.split()[2]) for row in edits.splitlines()]
    assert old == sorted(old, reverse=True), "the more noise, the less is kept"
    assert old[0] > 0.9
    assert old[-1] < 0.1
    rows = re.findall(r"^ +0\.[124] +\S+ +(\S+) +(\S+) +\S+$", noises, re.MULTILINE)
    assert len(rows) == 3
    assert all(float(told) < float(noisy) for noisy, told in rows)


def check_text(text):
    bits = figures(r"^(?:frequencies|LSTM|transformer) +(\S+)", text)
    assert len(bits) == 3
    assert max(bits[1:]) < bits[0] + 0.2
    for pair in ("stream and complete", "Keras and LiteRT", "Keras and TF Serving"):
        assert re.search(rf"{pair}.*? agree: True", text), pair
    words, runs = sampled_texts(text)
    assert all(0 <= share <= 1 for share in words + runs)
    assert runs[0] == min(runs), "the likeliest characters run in circles"
    [[kl, nll]] = re.findall(r"KL (\S+) nats, reconstruction (\S+) nats", text)
    assert 0 < float(kl) < float(nll)
    errors = figures(r"largest error ([\d.e+-]+)", text)
    assert len(errors) == 5, "three endpoints of a file, two of a SavedModel"
    assert max(errors) < 1e-5


def sampled_texts(text):
    """Shares of known words and of runs that occur once, by temperature."""
    [row] = re.findall(
        r"^temperature +words known (.*), runs only once (.*)$", text, re.MULTILINE
    )
    return [[float(share) for share in part.split()] for part in row]


def check_evaluation(text):
    distances = figures(r"mean Frechet distance +(\S+),", text)
    assert distances == sorted(distances, reverse=True), "its bias falls with n"
    unbiased = figures(r"mean kernel distance +(\S+)", text)
    errors = figures(r"mean kernel distance .* ± (\S+)", text)
    assert len(unbiased) == len(errors) == len(distances) == 5
    assert all(abs(k) < 4 * e for k, e in zip(unbiased, errors, strict=True))
    [[copies, fresh]] = re.findall(r"memorization: copies (\S+), fresh \w+ (\S+)", text)
    assert float(copies) > 0.99
    assert 0.4 < float(fresh) < 0.6
    bounds = figures(r"bound (\S+) nats", text)
    assert bounds[:3] == sorted(bounds[:3])
    assert bounds[3:] == sorted(bounds[3:])


def check_latent(text):
    rows = re.findall(r"^ +(\d+) +(\d+) +(\S+) +(\S+) +(\S+)$", text, re.MULTILINE)
    codes, bits, errors, used, perplexities = zip(
        *[[float(cell) for cell in row] for row in rows], strict=True
    )
    assert list(bits) == [16 * math.log2(count) for count in codes]
    assert errors[-1] < errors[0], "more codes lose less"
    assert all(0 < share <= 1 for share in used)
    assert all(1 <= p <= count for p, count in zip(perplexities, codes, strict=True))
    [[nats, guess]] = re.findall(r"nats per code (\S+) in .*guess (\S+)", text)
    assert float(nats) < float(guess)
    assert all(0 <= share <= 1 for share in figures(r"class asked for: (\S+)", text))
    [[kept, new]] = re.findall(r"kept half (\S+), of the new one (\S+)", text)
    assert float(kept) < float(new)
    rows = re.findall(r"^ +[124]\.0 +(\S+) +(\S+)$", text, re.MULTILINE)
    assert len(rows) == 3, "strengths of guidance"
    errors = figures(r"largest error ([\d.e+-]+)", text)
    assert len(errors) == 2
    assert max(errors) < 1e-3


def check_translation(text):
    identity, mean = (
        figures(rf"error of the {name} (\S+)", text)[0]
        for name in ("identity", "mean picture")
    )
    pairs, single = figures(r"error of pix2pix (\S+)", text)
    assert pairs < min(identity, mean)
    [[one, best, average]] = re.findall(
        r"one draw (\S+), of the best of five (\S+), of their mean (\S+)", text
    )
    assert float(best) < float(one)
    assert float(average) < float(one), "the mean of draws has a smaller error"
    assert figures(r"how far two draws are apart (\S+)", text)[0] > 0
    assert figures(r"error of the cycle (\S+)$", text)
    errors = dict(re.findall(r"^(\w+)\.tflite: .* largest error (\S+),", text, re.M))
    assert list(errors) == ["none", "float16", "int8"]
    assert float(errors["none"]) < 1e-5 < float(errors["float16"]) < 1e-2
    assert single > 0


CHECKS = {
    "01_autoencoder.ipynb": check_autoencoder,
    "02_vae.ipynb": check_vae,
    "03_gan.ipynb": check_gan,
    "04_flows.ipynb": check_flows,
    "05_diffusion.ipynb": check_diffusion,
    "06_text.ipynb": check_text,
    "07_evaluation.ipynb": check_evaluation,
    "08_latent.ipynb": check_latent,
    "09_translation.ipynb": check_translation,
}


def test_every_notebook_has_a_check_of_its_results():
    assert list(CHECKS) == NAMES


LONG = (
    "05_diffusion.ipynb",
    "06_text.ipynb",
    "08_latent.ipynb",
    "09_translation.ipynb",
)  # minutes, even so
SHORTENED = [
    pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in NAMES
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORTENED)
def test_notebook_runs_with_small_settings(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GEN_NOTEBOOK_EPOCHS", str(SMALL_EPOCHS))
    monkeypatch.delenv("KERAS_GEN_DATA", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    notebook = read(name)
    stored = len(images(notebook))
    first = notebook.cells.index(code_cells(notebook)[0])
    notebook.cells.insert(first + 1, nbformat.v4.new_code_cell(WITHOUT_XLA))
    resources = {"metadata": {"path": str(tmp_path / "here")}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    CHECKS[name](printed(notebook))
    assert len(images(notebook)) == stored
    assert not any((tmp_path / "here").iterdir()), "written files go elsewhere"


@pytest.mark.parametrize("name", NAMES)
def test_stored_results_are_those_of_a_full_run(name):
    notebook = read(name)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    CHECKS[name](printed(notebook))
    assert len(images(notebook)) >= 5


def test_trained_flow_takes_what_is_no_digit_for_likelier():
    aucs = flow_aucs(printed(read("04_flows.ipynb")))
    assert aucs["decoded origin"] < 0.5
    assert aucs["halved noise"] < 0.5
    assert aucs["noise 0.1"] > 0.95


def test_trained_language_models_know_the_language_and_use_the_latent_vector():
    text = printed(read("06_text.ipynb"))
    assert max(figures(r"^(?:LSTM|transformer) +(\S+)", text)) < 2
    words, runs = sampled_texts(text)
    assert words[1:] == sorted(words[1:], reverse=True), "hotter, fewer known words"
    assert runs == sorted(runs), "hotter, more various"
    assert figures(r"KL (\S+) nats", text)[0] > 3


@pytest.mark.parametrize("name", NAMES)
def test_stored_outputs_hold_no_error_no_chatter_and_no_path(name):
    notebook = read(name)
    kinds = {(o.output_type, o.get("name")) for o in outputs(notebook)}
    assert kinds == {("stream", "stdout"), ("display_data", None)}
    assert "INFO" not in printed(notebook)
    assert "WARNING" not in printed(notebook)
    path = ABSOLUTE_PATH.search((FOLDER / name).read_text(encoding="utf-8"))
    assert path is None, f"absolute path {path}"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_short_and_portable(name):
    notebook = read(name)
    cells = code_cells(notebook)
    assert (FOLDER / name).stat().st_size < MAX_BYTES
    assert len(cells) <= MAX_CODE_CELLS
    assert notebook.metadata.kernelspec.name == "python3"
    for cell, before in zip(notebook.cells[1:], notebook.cells, strict=False):
        told = cell.cell_type != "code" or before.cell_type == "markdown"
        assert told, f"no sentence before:\n{cell.source}"
    source = ast.parse("\n".join(cell.source for cell in cells))
    nodes = list(ast.walk(source))
    assert not any(isinstance(node, ast.ClassDef) for node in nodes)
    modules = {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    assert not {"zoo", "export", "tests"} & {m.split(".")[0] for m in modules}

"""The command line `keras-gen`. Only commands that need TensorFlow import it."""

import errno
import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from . import store
from .distributing import check_strategy, is_chief, is_lost, starter, strategy_of
from .printing import (
    print_artifact,
    print_comparison,
    print_endpoints,
    print_metrics,
    print_table,
)
from .quiet import INTERRUPTED, answering, fail, quiet_tensorflow, short_warnings
from .recipe import UsageError, find, preset_names, recipe_names
from .sample import check_free, check_out, check_target, parse_labels, write_samples
from .settings import parse, parse_columns

FULL = (errno.ENOSPC, errno.EDQUOT)
RATE = "learning_rate"


class _Group(TyperGroup):
    """The commands. Typer would end them on Ctrl-C or EOFError without a message."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError) as error:
            fail(error)


app = typer.Typer(
    cls=_Group,
    help="Generative models: train on real data, sample, evaluate, export, check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Source = Annotated[str, typer.Argument(metavar="RUN|RECIPE", help="Run or recipe.")]
Pictures = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="An .npy array, an image, or a folder of images."
    ),
]
PicturesOut = Annotated[
    Path,
    typer.Option(
        "--out", help="File to write, .png or .npy, or for images a new folder."
    ),
]
WRITTEN = (store.MODEL, store.SAMPLES, store.ANIMATION, store.TEXTS, store.TOKENS)
WRITTEN += (store.TABLE, store.METRICS, store.REPORT)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
Fit = Annotated[
    str | None,
    typer.Option(
        metavar="crop|pad|stretch", help="Images of other proportions in a folder."
    ),
]
Background = Annotated[
    str | None,
    typer.Option(metavar="COLOUR", help="Behind transparent or padded images: white."),
]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out broken files of a folder.")
]
Column = Annotated[
    str | None, typer.Option(help="Column of texts in a .jsonl or .csv file.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=KIND",
        help="Of a table: numeric, integer, category, boolean or date. Repeat.",
    ),
]
DataName = Annotated[str | None, typer.Option(help="Data set, or path to data.")]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="series|images|clips|vectors|tokens|pairs|unpaired|captions",
        help="What arrays or folders hold.",
    ),
]
Window = Annotated[
    int | None, typer.Option(help="Values of an example, cut from recordings.")
]
Hop = Annotated[
    int | None, typer.Option(help="Values from window to window. Default: --window.")
]
Frames = Annotated[
    int | None,
    typer.Option(help="Frames of a clip, evenly spaced. Default: at most 16."),
]


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:  # noqa: FBT002
    """List the recipes with their data, size and measured results, and the presets."""
    rows = []
    for name in recipe_names():
        recipe = find(name)
        row = {k: getattr(recipe, k) for k in ("family", "data", "parameters")}
        pretrained = store.is_pretrained(name)
        results = dict(recipe.results)
        row["stages"] = {stage.name: stage.epochs for stage in recipe.plan}
        rows.append({"name": name, **row, "pretrained": pretrained, "results": results})
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    lines = [
        (
            row["name"],
            row["family"],
            row["data"],
            f"{row['parameters']:,}",
            "yes" if row["pretrained"] else "",
            ", ".join(f"{k} {v:g}" for k, v in row["results"].items()),
        )
        for row in rows
    ]
    print_table(
        ("recipe", "family", "data", "parameters", "pretrained", "results"), lines
    )
    print(f"presets for your own data: {', '.join(preset_names())}")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="PRESET|RECIPE", help="Preset or recipe.")
    ],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Describe a preset or recipe: data, sizes, and the settings that --set takes."""
    from .showing import facts_of, setting_rows

    facts = facts_of(name)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    lines = [(key, one) for key, one in facts["shown"].items() if one]
    print_table(("fact", "value"), lines)
    print()
    print_table(("setting", "default", "takes", "meaning"), setting_rows(name))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Name of the recipe or preset.")],
    out: Annotated[Path, typer.Option(help="New or empty folder for the run.")],
    data: DataName = None,
    size: Annotated[
        str | None, typer.Option(help="Of a preset: tiny, small, base or large.")
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="N|HxW", help="Of a preset: pixels of resized images."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="Of a preset: 1 (grey), 3, or 4 with opacity.")
    ] = None,
    fit: Fit = None,
    background: Background = None,
    skip_broken: SkipBroken = False,  # noqa: FBT002
    condition: Annotated[
        str | None,
        typer.Option(metavar="labels|folders|none|any|COLUMN", help="Of a preset."),
    ] = None,
    columns: Columns = None,
    column: Column = None,
    kind: Kind = None,
    window: Window = None,
    hop: Hop = None,
    frames: Frames = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="lines|windows", help="Examples of a preset on texts."),
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="Tokens of a window, or of the longest line.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="character|byte|word|bpe", help="Of a preset on texts."),
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(help="Most tokens of the tokenizers word and bpe.")
    ] = None,
    normal: Annotated[
        str | None, typer.Option(help="Train on this class only, to detect others.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Of a table: column of the classes of --normal.")
    ] = None,
    chosen_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting that `show` lists. Repeat."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The same as --set learning_rate=VALUE.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN|RECIPE", help="Fine-tune: begin with its weights."
        ),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(metavar="N|N,N", help="Passes over the data, per stage."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Train for about so long, not --epochs.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the whole run.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="mirrored (all GPUs here) or multi_worker (TF_CONFIG)."),
    ] = None,
    resume: Annotated[  # noqa: FBT002
        bool, typer.Option("--resume", help="Resume an interrupted run.")
    ] = False,
) -> None:
    """Train a recipe, or a preset on your own data, into a run folder."""
    known = find(recipe).settings
    settings: dict[str, Any] = parse(chosen_settings or [], known, recipe)
    if learning_rate is not None and settings.setdefault(RATE, learning_rate) != (
        learning_rate
    ):
        raise UsageError(f"--learning-rate and --set {RATE} differ.")
    if source is not None:
        store.model_file(source)
    chosen = None if epochs is None else _epochs(epochs)
    check_strategy(strategy)
    quiet_tensorflow(starter(strategy))
    from .training import train as run

    options: dict[str, Any] = {"epochs": chosen, "batch_size": batch_size}
    options |= {"minutes": minutes, "estimate": True}
    options |= {"seed": seed, "strategy": strategy, "size": size}
    options |= {"settings": settings, "start_from": source}
    options |= {"image_size": _image_size(image_size, channels), "condition": condition}
    options |= {"fit": fit, "background": background, "skip_broken": skip_broken}
    options |= {"kind": kind, "window": window, "hop": hop, "frames": frames}
    options |= {"column": column, "by": by, "length": length}
    options |= {"columns": parse_columns(columns or [])}
    options |= {"tokenizer": tokenizer, "vocabulary": vocabulary}
    options |= {"normal": normal, "label": label}
    _train(run, recipe, out, data=data, resume=resume, **options)


@app.command()
def distill(
    source: Source,
    out: Annotated[Path, typer.Option(help="New or empty folder for the run.")],
    steps: Annotated[
        int | None, typer.Option(help="Steps of sampling: 1, 2 (default) or 4.")
    ] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="Guidance of the teacher. Default: its own.")
    ] = None,
    data: DataName = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Train for about so long, not --epochs.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The highest learning rate.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the whole run.")] = None,
    resume: Annotated[  # noqa: FBT002
        bool, typer.Option("--resume", help="Resume an interrupted run.")
    ] = False,
) -> None:
    """Distil a trained diffusion model into one that samples in few steps."""
    store.model_file(source)
    quiet_tensorflow()
    from .distilling import distill as run

    options: dict[str, Any] = {"steps": steps, "guidance_scale": guidance_scale}
    options |= {"data": data, "epochs": epochs, "minutes": minutes}
    options |= {"batch_size": batch_size, "learning_rate": learning_rate}
    options |= {"seed": seed, "resume": resume, "estimate": True}
    _train(run, source, out, **options)


def _train(run: Any, source: str, out: Path, **how: Any) -> None:
    """Runs a function that trains into a folder, and prints the figures."""
    strategy = how.get("strategy")
    try:
        run(source, out, **how)
    except KeyboardInterrupt:
        again = ". Resume with --resume" if (out / store.RECIPE).exists() else ""
        fail(f"interrupted{again}", INTERRUPTED)
    except OSError as error:
        if error.errno in FULL and (out / store.RECIPE).exists():
            reason = f"{error}. Free disk space and resume with --resume"
            raise OSError(reason) from error
        raise
    except Exception as error:
        if strategy != "multi_worker" or not is_lost(error):
            raise
        raise RuntimeError(
            "another process of this run has ended or cannot be reached: start all "
            "processes again with --resume"
        ) from error
    if not is_chief(strategy_of(strategy)):
        print("training has finished. The first process has written the run.")
        return
    print_metrics(json.loads((out / store.METRICS).read_text()))
    written = [out / name for name in WRITTEN]
    print("wrote " + ", ".join(str(path) for path in written if path.exists()))


@app.command()
def inspect(
    data: Annotated[str, typer.Argument(metavar="DATA", help="Data set, or path.")],
    image_size: Annotated[
        str | None, typer.Option(metavar="N|HxW", help="Pixels of resized images.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="1 (grey), 3, or 4 with opacity.")
    ] = None,
    fit: Fit = None,
    background: Background = None,
    columns: Columns = None,
    column: Column = None,
    kind: Kind = None,
    window: Window = None,
    hop: Hop = None,
    frames: Frames = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Picture of examples to write, .png, or .gif for clips."),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Describe data before training, and name the presets that take them."""
    shape = _image_size(image_size, channels)
    if picture is not None:
        check_out(picture, ".png", ".gif", option="--picture")
    quiet_tensorflow()
    from .data import is_folder, load
    from .inspecting import describe
    from .picturing import write_picture

    how: dict[str, Any] = {"fit": fit, "background": background, "column": column}
    how |= {"kind": kind, "window": window, "hop": hop, "frames": frames}
    how |= {"columns": parse_columns(columns or [])}
    found = load(data, shape, skip_broken=is_folder(data), **how)
    facts = describe(found)
    if picture is not None:
        write_picture(picture, found)
    if as_json:
        print(json.dumps(dict(facts), indent=2))
        return
    print_table(("fact", "value"), facts)
    if picture is not None:
        print(f"wrote {picture}")


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    data: DataName = None,
) -> None:
    """Write the report of a run anew, as one HTML file."""
    store.model_file(run)
    quiet_tensorflow()
    from .evaluation import data_of
    from .reporting import write_report

    model = store.load(run)
    print(f"wrote {write_report(run, model, data_of(run, model, data))}")


@app.command()
def sample(
    source: Source,
    out: Annotated[
        Path, typer.Option(help="File to write: .png, .gif, .npy, .csv, .wav or .txt.")
    ],
    num: Annotated[int, typer.Option(help="Number of samples.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    labels: Annotated[
        str | None, typer.Option(help="Classes or their names, or cut=Ideal, in turn.")
    ] = None,
    num_steps: Annotated[
        int | None, typer.Option(help="Steps of a diffusion model's solver.")
    ] = None,
    solver: Annotated[
        str | None, typer.Option(help="Solver, such as ddim, heun or dpm++2m.")
    ] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="Strength of classifier-free guidance.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(help="Text of a picture, such as 'red heart'. Several in turn."),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(help="Truncation of styles, from 0 (average) to 1 (none)."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Beginning of texts.")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Largest number of tokens after the prompt.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Temperature of texts. 0 means greedy.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from the k most likely tokens.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw from the most likely tokens of this probability."),
    ] = None,
) -> None:
    """Draw samples, or texts, from a trained model."""
    check_target(out, num)
    store.model_file(source)
    how = {
        "num_steps": num_steps,
        "solver": solver,
        "guidance_scale": guidance_scale,
        "truncation": truncation,
        "prompt": prompt,
    }
    how |= {"max_new_tokens": max_new_tokens, "temperature": temperature}
    how |= {"top_k": top_k, "top_p": top_p}
    model = _load(source)
    names = store.class_names(source, model)
    chosen = parse_labels(labels, names)
    how = {"how": how, "trained": store.trained_classes(source)}
    how["rate"] = store.rate_of(source)
    how["class_names"] = names
    how["texts"] = text or ()
    write_samples(model, out, num=num, seed=seed, labels=chosen, **how)
    print(f"wrote {num} samples to {out}")


@app.command()
def evaluate(
    source: Source,
    data: DataName = None,
    target: Annotated[
        str | None, typer.Option(help="Of a table: column to predict from samples.")
    ] = None,
    column: Column = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Measure a trained model on held-out data, and compare samples with real data."""
    store.model_file(source)
    quiet_tensorflow()
    from .compare import evaluate_source

    _, figures, dataset = evaluate_source(source, data, target, column)
    metrics = {k: v.as_dict() for k, v in figures.items()}
    if as_json:
        print(json.dumps({"metrics": metrics, "data": dataset.name}, indent=2))
    else:
        print_metrics(metrics, len(dataset.test))


@app.command()
def compare(
    sources: Annotated[
        list[str], typer.Argument(metavar="RUN|RECIPE...", help="Runs or recipes.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Picture of the samples to write, .png.")
    ] = None,
    data: DataName = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Compare several trained models on the same data, in a table and a picture."""
    if out is not None:
        if out.suffix != ".png" or not out.parent.is_dir():
            raise UsageError(f"--out must be a .png file in a folder, received {out}.")
        check_free(out)
    for source in sources:
        store.model_file(source)
    quiet_tensorflow()
    from .compare import compare as run

    columns = run(sources, data, out)
    if as_json:
        print(json.dumps({"models": columns}, indent=2))
        return
    print_comparison(columns)
    if out is not None:
        print(f"wrote {out}")


@app.command()
def detect(
    source: Source,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Data set, or path, to judge.")
    ],
    out: Annotated[Path, typer.Option(help="File to write, .csv.")] = Path(
        "scores.csv"
    ),
    false_alarms: Annotated[
        float | None,
        typer.Option(
            help="Rate of held-out examples that may be flagged. Default: 0.01, or "
            "the smallest possible one."
        ),
    ] = None,
    normal: Annotated[
        str | None, typer.Option(help="Class of normal examples, for the ROC-AUC.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Of a table or texts: column of the classes.")
    ] = None,
    column: Column = None,
    own: Annotated[
        str | None, typer.Option("--data", help="The run's data, if they moved.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Score examples by a trained model, and flag those unlike its held-out data."""
    store.model_file(source)
    check_out(out, ".csv")
    quiet_tensorflow()
    from .using import detect as run
    from .using import print_judged, write_scores

    options: dict[str, Any] = {"normal": normal, "label": label, "own": own}
    options["column"] = column
    found = run(source, data, false_alarms=false_alarms, **options)
    write_scores(out, found)
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    print_judged(found)
    print(f"wrote {out}")


@app.command()
def impute(
    source: Source,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A .csv, .tsv or .npy file, or with --mask an image or a folder.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="File to write, .csv, .npy or .png, or for images a folder."),
    ],
    mask: Annotated[
        Path | None,
        typer.Option(help="Image in which white, or .npy in which 1, is filled in."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Classes, or their names, repeated in turn.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is filled in.")] = 0,
) -> None:
    """Fill in the missing values of a table or an array, or parts of images."""
    from .folders import is_pictures

    store.model_file(source)
    if not data.exists():
        raise UsageError(f"DATA must be an existing path, received {str(data)!r}.")
    suffix = "" if data.is_dir() else ".png" if is_pictures(data) else None
    check_out(out, data.suffix.lower() if suffix is None else suffix)
    chosen = parse_labels(labels, store.class_names(source))
    quiet_tensorflow()
    from .using import impute as run

    cells, rows = run(source, data, out, mask=mask, labels=chosen, seed=seed)
    print(f"filled {cells:,} values of {rows:,} rows, wrote {out}")


@app.command()
def restore(
    source: Source,
    data: Pictures,
    out: PicturesOut,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
) -> None:
    """Remove noise, or undo another corruption, by a model that was trained to."""
    print(f"restored {_restored(source, data, out, seed):,} examples, wrote {out}")


@app.command()
def translate(
    source: Source,
    data: Pictures,
    out: PicturesOut,
) -> None:
    """Translate images by a run of pix2pix or cycle_gan."""
    number = _restored(source, data, out, 0, translates=True)
    print(f"translated {number:,} examples, wrote {out}")


def _restored(
    source: str, data: Path, out: Path, seed: int, *, translates: bool = False
) -> int:
    """Writes what a model makes of examples, and returns their number."""
    from .folders import is_pictures

    store.model_file(source)
    check_out(out, ".png", ".npy", *([""] if is_pictures(data) else []))
    quiet_tensorflow()
    from .using import restore as run

    return run(source, data, out, seed=seed, translates=translates)


@app.command()
def interpolate(
    source: Source,
    out: Annotated[
        Path, typer.Option(help="File to write, .png or .npy, or .txt for texts.")
    ],
    num: Annotated[int, typer.Option(min=1, help="Number of lines.")] = 8,
    steps: Annotated[int, typer.Option(min=2, help="Points per line.")] = 8,
    data: DataName = None,
) -> None:
    """Draw examples on the lines between the codes of held-out examples."""
    store.model_file(source)
    check_out(out, ".png", ".npy", ".txt")
    quiet_tensorflow()
    from .using import interpolate as run

    run(source, out, num=num, steps=steps, data=data)
    print(f"wrote {num} lines of {steps} examples to {out}")


@app.command()
def export(
    source: Source,
    to: Annotated[Path, typer.Option(help="Folder to write into.")],
    artifact_format: Annotated[
        str, typer.Option("--format", help="saved_model or tflite.")
    ],
    quantization: Annotated[
        str, typer.Option(help="none, float16, dynamic or int8 (tflite only).")
    ] = "none",
    batch_size: Annotated[
        str, typer.Option(help="Rows per call, or dynamic (tflite only).")
    ] = "1",
    version: Annotated[int, typer.Option(help="Version (saved_model only).")] = 1,
    endpoints: Annotated[
        str | None, typer.Option(help="Endpoints such as decode,sample. Default: all.")
    ] = None,
    data: DataName = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest error allowed, see the manifest.")
    ] = None,
) -> None:
    """Export a trained model, and compare it with the Keras model."""
    if artifact_format not in ("saved_model", "tflite"):
        raise UsageError(
            f"--format must be saved_model or tflite, received {artifact_format!r}."
        )
    if artifact_format == "saved_model" and quantization != "none":
        raise UsageError("--quantization is for --format tflite only.")
    batch = None if batch_size == "dynamic" else _integer(batch_size, "--batch-size")
    if artifact_format == "saved_model" and batch != 1:
        raise UsageError(
            "--batch-size is for --format tflite only: a SavedModel takes any number."
        )
    store.require(source)
    quiet_tensorflow()
    from .exporting import export_source

    how = {"quantization": quantization, "version": version, "batch_size": batch}
    how |= {"data": data, "tolerance": tolerance}
    how["endpoints"] = endpoints.split(",") if endpoints else None
    path = export_source(source, to, artifact_format, **how)
    print_artifact(path)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Exported artifact.")],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Check an exported artifact against its own manifest.

    Models are programs. Files outside of DIR, files that are not listed and operators
    that access files or processes are rejected before anything runs. Still, check
    artifacts that you do not trust in a container.
    """
    quiet_tensorflow()
    from ..export import check as run

    figures = run(folder)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, endpoints in figures.items():
        print_endpoints(folder if folder.is_file() else folder / name, endpoints)


@app.command()
def doctor(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Print versions, devices and folders, and what is missing."""
    from .doctor import examine, rows_of

    facts = examine()
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print_table(("what", "found", "remark"), rows_of(facts))
        for problem in facts["problems"]:
            print(f"problem: {problem}")
    if facts["problems"]:
        raise typer.Exit(1)


def main() -> None:
    """Runs the command line. `answering` reports errors."""
    short_warnings()
    with answering():
        try:
            sys.exit(app(standalone_mode=False))
        except Exception as error:
            if hasattr(error, "format_message"):  # typer's own: wrong options
                _fail_usage(error)
            raise


def _fail_usage(error: Any) -> NoReturn:
    """Ends with the error in the options, or with the help if there are no options."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(error.exit_code)
    command = error.ctx.command_path if error.ctx else "keras-gen"
    text = " ".join(error.format_message().split()).rstrip(".")
    fail(f"{text}. See `{command} --help`.", 2)


def _epochs(text: str) -> list[int]:
    """The epochs of each stage; `train` compares them with the stages."""
    if not all(n.isascii() and n.isdigit() for n in text.split(",")):
        raise UsageError(
            "--epochs must be an integer such as 10, or one for each stage of the "
            f"recipe such as 20,50, received {text!r}."
        )
    return [int(n[:9]) for n in text.split(",")]


def _image_size(text: str | None, channels: int | None) -> list[int | None] | None:
    """Height, width and channels, None where the files decide."""
    if text is None:
        return None if channels is None else [None, None, channels]
    sides = text.lower().split("x")
    whole = all(n.isascii() and n.isdigit() and int(n[:9]) for n in sides)
    if not whole or len(sides) > 2:
        raise UsageError(f"--image-size must be N or HxW, received {text!r}.")
    height, width = (int(n[:9]) for n in (sides[0], sides[-1]))
    return [height, width] if channels is None else [height, width, channels]


def _integer(text: str, option: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1:
        raise UsageError(
            f"{option} must be an integer > 0 or dynamic, received {text!r}."
        )
    return int(text)


def _load(source: str) -> Any:
    store.model_file(source)
    quiet_tensorflow()
    return store.load(source)

"""What the source may import, how long it may be, and what `import` costs."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import keras_gen

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "keras_gen": "keras_gen",
    "zoo": "keras_gen.zoo",
    "export": "keras_gen.export",
}
FILES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
files = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
LAYERS = (  # a room imports from its own line and from those above
    ("extras", "limits", "constants", "files", "reading"),
    ("engine.internals", "engine.parts"),
    ("validation", "serialization"),
    ("random", "refusals", "schedules", "parameterizations", "tokens", "frames"),
    ("distributions", "objectives", "samplers", "tokenizers"),
    ("networks",),
    ("bijectors",),
    ("specs",),
    ("engine",),
    ("quantiles", "scaling", "players", "texts"),
    ("rows",),
    ("model", "writing"),
    ("capabilities",),
    ("latents", "missing", "perceptual", "games"),
    ("models", "keras_gen"),  # `import keras_gen` registers all models
    ("pictures", "metrics", "imputing", "editing"),
    ("callbacks",),
    ("zoo", "export"),
)
LEAVES = ("engine.internals", "engine.parts")  # of a folder, which all may import
LAYER = {room: i for i, rooms in enumerate(LAYERS) for room in rooms}
EXPORT_KNOWS = {"capabilities", "engine.internals", "export", "files", "limits"}
EXPORT_KNOWS |= {"extras"}
EXPORT_KNOWS |= {"random", "refusals", "serialization", "specs"}
USES_TFP = ("keras_gen.bijectors", "keras_gen.distributions", "keras_gen.models.flow")
ON_TFP = "keras_gen.bijectors.tfp"  # a folder on TFP, imported in functions only
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path):
    """The installed name of a source file; a package ends in `.__init__`."""
    folder, *parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *parts])


MODULES = {module_name(path).removesuffix(".__init__") for path in FILES}


def room_of(module):
    parts = module.removesuffix(".__init__").split(".")
    leaf = ".".join(parts[1:3])
    return leaf if leaf in LEAVES else parts[1] if len(parts) > 1 else parts[0]


def import_statements(node, *, in_function=False):
    """`(statement, whether inside a function)`, those for type checkers too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function
        inside = in_function or isinstance(child, FUNCTIONS)
        yield from import_statements(child, in_function=inside)


def targets(statement, module):
    """Absolute names of the modules that a statement in `module` imports."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    base = statement.module or ""
    if statement.level:
        package = module.split(".")[: -statement.level]
        base = ".".join([*package, base] if base else package)
    full_names = {f"{base}.{alias.name}" for alias in statement.names}
    return {name if name in MODULES else base for name in full_names}


def violations(source, module):
    """What the imports of a source file break, as sentences."""
    found, room = [], room_of(module)
    for statement, in_function in import_statements(ast.parse(source)):
        for target in targets(statement, module):
            where = f"line {statement.lineno}: {room} imports {target}"
            root, imported = target.split(".")[0], room_of(target)
            if root == "tensorflow_probability":
                inside = in_function and module.startswith(USES_TFP)
                allowed = inside or module.startswith(ON_TFP)
            elif target.startswith(ON_TFP) and not module.startswith(ON_TFP):
                allowed = in_function and room == "bijectors"
            elif root != "keras_gen":
                continue
            elif room == "export":
                allowed = imported in EXPORT_KNOWS
            elif room == imported == "models":
                allowed = module.endswith("__init__")
            else:
                allowed = LAYER[imported] <= LAYER[room]
            found += [] if allowed else [where]
    return found


@files
def test_imports_follow_the_direction(path):
    assert violations(path.read_text(), module_name(path)) == []


FORBIDDEN = {
    "network knows a model": ("networks.conv", "from ..models import VAE"),
    "inside a function": ("objectives.evidence", "def f():\n    from .. import model"),
    "base utility knows a room": ("validation", "import keras_gen.distributions"),
    "model knows a model": ("models.vae", "from .autoencoder import Autoencoder"),
    "model knows metrics": ("models.vae", "from ..metrics import evaluate"),
    "metrics know the zoo": ("metrics", "from keras_gen import zoo"),
    "export knows a family": ("export.tflite", "from ..models.vae import VAE"),
    "export knows everything": ("export.tflite", "import keras_gen as kg"),
    "for type checkers": (
        "engine.examples",
        "if TYPE_CHECKING:\n    from ..model import A",
    ),
    "TFP at module level": ("distributions", "import tensorflow_probability as tfp"),
    "TFP elsewhere": (
        "models.vae",
        "def f():\n    from tensorflow_probability import distributions",
    ),
}
FORBIDDEN |= {
    "file on TFP at module level": ("bijectors.chain", "from .tfp import tfb"),
    "package imports the file on TFP": ("bijectors.__init__", "from . import tfp"),
    "another room imports the file on TFP": (
        "models.flow",
        "def f():\n    from ..bijectors.tfp import tfb",
    ),
}
ALLOWED = {
    "file on TFP": ("bijectors.tfp", "import tensorflow_probability as tfp"),
    "file on TFP on use": ("bijectors.chain", "def f():\n    from .tfp import tfb"),
    "own room": (
        "export.tflite",
        "from . import manifest\nfrom ..random import normal",
    ),
    "layer above": ("models.vae", "from .. import networks\nfrom ..model import A"),
    "TFP on use": ("distributions", "def f():\n    import tensorflow_probability"),
    "facade": ("zoo.recipes.vae_mnist", "import keras_gen as kg"),
}


def circles(imports):
    """Groups of modules that import each other, by way of others too."""
    reached = {}
    for module in imports:
        seen, open_ones = set(), [module]
        while open_ones:
            found = imports.get(open_ones.pop(), set()) - seen
            seen |= found
            open_ones += found
        reached[module] = seen
    return sorted(module for module, found in reached.items() if module in found)


def test_no_module_imports_itself_by_way_of_others():
    """What is imported inside of functions does not count."""
    imports = {}
    for path in FILES:
        module = module_name(path)
        statements = import_statements(ast.parse(path.read_text()))
        found = {
            target
            for statement, in_function in statements
            if not in_function
            for target in targets(statement, module)
        }
        imports[module.removesuffix(".__init__")] = found & MODULES
    assert circles(imports) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


@pytest.mark.parametrize(("module", "source"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_forbidden_import_is_found(module, source):
    assert len(violations(source, f"keras_gen.{module}")) == 1


@pytest.mark.parametrize(("module", "source"), ALLOWED.values(), ids=ALLOWED)
def test_an_allowed_import_is_not_reported(module, source):
    assert violations(source, f"keras_gen.{module}") == []


def test_packages_are_the_folders_with_an_init():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    inits = [path for path in FILES if path.name == "__init__.py"]
    folders = sorted(module_name(path).removesuffix(".__init__") for path in inits)
    setuptools = project["tool"]["setuptools"]
    assert sorted(setuptools["packages"]) == folders
    mapped = {name: folder for folder, name in FOLDERS.items()}
    assert setuptools["package-dir"] == mapped


def test_type_checkers_see_the_names_that_are_imported_on_demand():
    """`__init__.pyi` says statically what `__getattr__` of `__init__.py` does."""
    stub = ast.parse((ROOT / "keras_gen" / "__init__.pyi").read_text())
    imports = [s for s in stub.body if isinstance(s, ast.ImportFrom)]
    homes = {a.asname: s.module for s in imports for a in s.names if s.module}
    modules = {a.asname for s in imports for a in s.names if not s.module}
    assert homes == keras_gen._HOMES
    assert modules == set(keras_gen._MODULES)


def run_python(code, **environment):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_import_loads_no_library_that_only_some_models_use():
    code = (
        "import keras, sys; before = set(sys.modules); import keras_gen\n"
        "import keras_gen.zoo.data\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})\n"
        "print('tensorflow_probability' in before)\n"
        "print('keras_gen>CharacterTokenizer' in keras.saving.get_custom_objects())"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    loaded, in_keras, registered = result.stdout.splitlines()
    heavy = {
        "tensorflow_probability",
        "tf_keras",
        "sklearn",
        "PIL",
        "matplotlib",
        "tokenizers",
        "keras_hub",
    }
    assert heavy.isdisjoint(loaded.split())
    assert "keras_gen" in loaded.split()
    assert in_keras == "False"
    assert registered == "True"


CONFIG = '{"backend": "jax"}'
BACKENDS = {  # what is set, what runs, what the message names
    "torch": ({"KERAS_BACKEND": "torch"}, "import keras_gen", "torch"),
    "jax": ({"KERAS_BACKEND": "jax"}, "import keras_gen", "jax"),
    "unknown": ({"KERAS_BACKEND": "mine"}, "import keras_gen", "mine"),
    "submodule": ({"KERAS_BACKEND": "jax"}, "import keras_gen.networks", "jax"),
    "keras.json": ({"KERAS_BACKEND": ""}, "import keras_gen", "jax"),
}


@pytest.mark.parametrize(
    ("environment", "code", "backend"), BACKENDS.values(), ids=BACKENDS
)
def test_another_backend_is_refused_in_one_line(environment, code, backend, tmp_path):
    (tmp_path / "keras.json").write_text(CONFIG)
    result = run_python(code, **environment, KERAS_HOME=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "ImportError: keras_gen needs the TensorFlow backend: set "
        "KERAS_BACKEND=tensorflow before the first import of keras "
        f"(it is {backend!r})."
    )

"""`keras-gen` and `python -m keras_gen.zoo`: the command line."""

import sys

from keras_gen.extras import package


def main() -> None:
    """Runs the command line, or says what it needs."""
    try:
        package("typer", "keras-gen")
    except ImportError as error:
        sys.exit(str(error))
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()

"""`python -m keras_gen.zoo`: the command line."""

from .cli import main

main()

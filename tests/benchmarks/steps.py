"""Quality of samples against the number of steps, for several solvers.

    python tests/benchmarks/steps.py flow_matching_mnist --guidance-scale 1 [--num 1000]

Each line is a solver and a number of steps; a step of Heun calls the network twice. The
figures are the Frechet distance and the kernel distance (KID) of the samples to the
test images in the features of the bundled classifier, with the same seed throughout.
The last line is what as many training images score.

A run of `keras-gen distill` has one solver, and a line of its teacher, which samples by
its own solver and with the guidance that was distilled:

    python tests/benchmarks/steps.py runs/consistency_mnist --num 10000
"""

import argparse
from pathlib import Path

import numpy as np

from keras_gen import metrics, zoo
from keras_gen.models import Consistency
from keras_gen.zoo import store


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a run folder, or a recipe with weights")
    parser.add_argument("--num", type=int, default=1000, help="samples")
    parser.add_argument("--guidance-scale", type=float)
    parser.add_argument("--steps", nargs="+", type=int)
    parser.add_argument("--solvers", nargs="+", default=["ddim", "dpm++2m", "heun"])
    parser.add_argument("--teacher-steps", type=int, default=20)
    return parser.parse_args()


def main():
    """Runs the command line."""
    options = parse()
    model = zoo.load(options.source)
    is_student = isinstance(model, Consistency)
    solvers = [None] if is_student else options.solvers
    numbers = options.steps or ([1, 2, 4] if is_student else [10, 20, 25, 50, 100])
    data = zoo.load_data(store.data_name(options.source))
    labels = None
    if model.condition is not None:
        labels = np.resize(data.test.labels, options.num)
    extractor = zoo.extractor_for(model.inputs.shape, data.name)
    real = extractor(data.test.x).values

    def figures(images):
        made = extractor(images).values
        frechet = metrics.frechet_distance(real, made).value
        kernel = metrics.kernel_distance(real, made)
        return f"{frechet:.2f} | {kernel.value:.3f} ± {kernel.standard_error:.3f} |"

    print("| solver | steps | Fréchet distance | kernel distance |")
    print("| --- | --- | --- | --- |")
    how = {"seed": 0, "condition": labels, "guidance_scale": options.guidance_scale}
    for solver in solvers:
        for steps in numbers:
            samples = model.sample(options.num, solver=solver, num_steps=steps, **how)
            name = solver or "consistency"
            print(f"| {name} | {steps} | {figures(samples)}", flush=True)
    if is_student and Path(options.source).is_dir():
        teacher = zoo.load(store.settings_of(Path(options.source))[store.TEACHER])
        steps = options.teacher_steps
        if teacher.is_guided:
            how["guidance_scale"] = model.teacher_scale
        samples = teacher.sample(options.num, num_steps=steps, **how)
        print(f"| teacher | {steps} | {figures(samples)}", flush=True)
    print(f"| training images | | {figures(data.train.x[: options.num])}")


if __name__ == "__main__":
    main()

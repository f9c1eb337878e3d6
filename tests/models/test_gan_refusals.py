"""What a GAN refuses, and in which words."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_gen as kg
from keras_gen import networks
from keras_gen.objectives.augmentation import DifferentiableAugmentation
from keras_gen.specs import Columns, Latents, Numeric, Vectors

IMAGE = (8, 8, 1)
PICTURES = np.zeros((4, *IMAGE), "float32")


def pair(shape=IMAGE, noise_dim=4, **options):
    units = {"generator_units": (4,), "discriminator_units": (4,)}
    return networks.mlp_gan(shape, noise_dim, **units, **options)


def ended(shape, output, activation=None):
    """A dense network with a last activation."""
    y = x = keras.Input(shape)
    y = layers.Flatten()(y) if len(shape) > 1 else y
    y = layers.Dense(int(np.prod(output)), activation=activation)(y)
    return keras.Model(x, layers.Reshape(output)(y))


def conditional_with_head():
    """A discriminator that is told the labels which its head is to name."""
    x, labels = keras.Input(IMAGE), keras.Input((3,))
    y = layers.Concatenate()([layers.Flatten()(x), labels])
    return keras.Model([x, labels], [layers.Dense(1)(y), layers.Dense(3)(y)])


def linear_behind(network, scale=1.0):
    """The network, and what does not look like an activation."""
    return keras.Sequential(
        [network, layers.Rescaling(scale), layers.Activation("linear", dtype="float32")]
    )


def softmax_head():
    x = keras.Input(IMAGE)
    y = layers.Flatten()(x)
    head = layers.Dense(3, activation="softmax")(y)
    return keras.Model(x, [layers.Dense(1)(y), head])


def gan(generator=None, discriminator=None, **options):
    usual = pair()
    return kg.GAN(generator or usual[0], discriminator or usual[1], **options)


def of(pair_, **options):
    return kg.GAN(*pair_, **options)


LABELLED, HEADED = {"num_classes": 3}, {"auxiliary_outputs": 3}
CLASSES, CODES = kg.AuxiliaryClassifier(), kg.InfoGAN(3, 0)
REFUSED = {
    "other size": (
        lambda: gan(pair((7, 8, 1))[0]),
        r"generator must output the discriminator's inputs, \(8, 8, 1\), .* output "
        r"\(7, 8, 1\)",
    ),
    "noise of two axes": (
        lambda: gan(ended((2, 2), IMAGE, "tanh")),
        r"generator must take \(batch, noise_dim\), received one that takes \(2, 2\)",
    ),
    "two logits": (
        lambda: gan(discriminator=ended(IMAGE, (2,))),
        r"discriminator must output one logit per example, \(batch, 1\), received "
        r"outputs \[\('batch', 2\)\]",
    ),
    "sigmoid discriminator": (
        lambda: gan(discriminator=ended(IMAGE, (1,), "sigmoid")),
        r"discriminator must return raw values \(logits\).*\[0, 1\], as with sigmoid",
    ),
    "head of probabilities": (
        lambda: gan(discriminator=softmax_head(), auxiliary=CODES),
        r"discriminator must return raw values \(logits\).*\[0, 1\], as with sigmoid",
    ),
    "sigmoid images": (
        lambda: gan(ended((4,), IMAGE, "sigmoid")),
        r"images in \[-1, 1\], as tanh does.* always in \[0, 1\], as with sigmoid",
    ),
    "linear behind sigmoid": (
        lambda: gan(linear_behind(ended((4,), IMAGE, "sigmoid"))),
        r"images in \[-1, 1\], as tanh does.* always in \[0, 1\], as with sigmoid",
    ),
    "half of the greys": (
        lambda: gan(linear_behind(ended((4,), IMAGE, "tanh"), 0.5)),
        r"images in \[-1, 1\], as tanh does.* always in \[-0.5, 0.5\]",
    ),
    "tanh of a series": (
        lambda: gan(ended((4,), (6, 2), "tanh"), pair((6, 2))[1]),
        r"generator must return values of any size and sign, since .* always in "
        r"\[-1, 1\], as with tanh. Remove its last activation",
    ),
    "relu of vectors": (
        lambda: gan(ended((4,), (3,), "relu"), pair((3,))[1]),
        "values of any size and sign, .* always >= 0, as with relu and softplus",
    ),
    "tanh of latent values": (
        lambda: gan(ended((4,), (3,), "tanh"), pair((3,))[1], inputs=Latents((3,))),
        "values of any size and sign, .* as with tanh",
    ),
    "sigmoid of vectors in [0, 1]": (
        lambda: gan(
            ended((4,), (3,), "sigmoid"),
            pair((3,))[1],
            inputs=Vectors(3, is_unit=True),
        ),
        r"images in \[-1, 1\], as tanh does",
    ),
    "sigmoid critic, then linear": (
        lambda: gan(discriminator=linear_behind(ended(IMAGE, (1,), "sigmoid"))),
        r"discriminator must return raw values \(logits\).*\[0, 1\], as with sigmoid",
    ),
    "labels of the generator": (
        lambda: gan(pair(**LABELLED)[0]),
        "received labels in generator only",
    ),
    "labels of the discriminator": (
        lambda: gan(discriminator=pair(**LABELLED)[1]),
        "received labels in discriminator only",
    ),
    "other labels": (
        lambda: gan(pair(num_classes=4)[0], pair(**LABELLED)[1]),
        r"same condition, .* {'generator': \(4,\), 'discriminator': \(3,\)}",
    ),
    "labels read twice": (
        lambda: gan(pair(**LABELLED)[0], conditional_with_head(), auxiliary=CLASSES),
        "must take examples alone if it has an auxiliary head",
    ),
    "classifier without labels": (
        lambda: of(pair(**HEADED), auxiliary=CLASSES),
        "AuxiliaryClassifier requires a class-conditional generator",
    ),
    "codes with labels": (
        lambda: of(pair(**LABELLED, **HEADED), auxiliary=CODES),
        "no labels, received one with 4 values, and labels of 3 classes",
    ),
    "codes longer than the noise": (
        lambda: of(pair(noise_dim=2, **HEADED), auxiliary=CODES),
        "at least 3 values of noise and no labels, received one with 2 values",
    ),
    "auxiliary without head": (
        lambda: gan(auxiliary=CODES),
        r"and a head of width 3, received outputs \[\('batch', 1\)\]",
    ),
    "head without auxiliary": (
        lambda: of(pair(**HEADED)),
        r"\(batch, 1\), received outputs \[\('batch', 1\), \('batch', 3\)\]",
    ),
    "head of another width": (
        lambda: of(pair(auxiliary_outputs=4), auxiliary=CODES),
        r"head of width 3, received outputs .*\('batch', 4\)",
    ),
    "a regularizer twice": (
        lambda: gan(regularizers=[kg.R1(1.0), kg.R2(1.0), kg.R1(2.0)]),
        "regularizers must have distinct types, received r1, r2, r1",
    ),
    "two bounds": (
        lambda: gan(regularizers=[kg.WeightClipping(0.1), kg.WeightClipping(0.2)]),
        "distinct types, received WeightClipping, WeightClipping",
    ),
    "no steps": (
        lambda: gan(discriminator_steps=0),
        "discriminator_steps must be > 0, received 0",
    ),
    "half a step": (
        lambda: gan(discriminator_steps=1.5),
        "discriminator_steps must be an integer > 0, received 1.5",
    ),
    "frozen average": (
        lambda: gan(ema_decay=1.0),
        r"ema_decay must be a number in \[0, 1\), received 1.0",
    ),
    "augmented vectors": (
        lambda: of(pair((6,)), augmentation=DifferentiableAugmentation()),
        r"augmentation requires images .*inputs=Vectors\(num_values=6",
    ),
}
MISTYPED = {
    "no network": (lambda: gan("generator"), "generator must be a Functional"),
    "no critic": (lambda: gan(discriminator=7), "discriminator must be a Functional"),
    "layer": (lambda: gan(layers.Dense(3)), "generator must be a Functional"),
    "objective": (lambda: gan(objective="hinge"), "objective must be .*'hinge'"),
    "auxiliary": (lambda: gan(auxiliary="classes"), "auxiliary must be .*'classes'"),
    "augmentation": (lambda: gan(augmentation=0.5), "augmentation must be .*0.5"),
    "regularizer": (
        lambda: gan(regularizers=[kg.L1Sparsity(1.0)]),
        "each of regularizers must be a Regularizer, received L1Sparsity",
    ),
    "class": (
        lambda: gan(objective=kg.objectives.Hinge),
        r"objective must be an AdversarialObjective or None, .* Write Hinge\(...\)",
    ),
    "no list": (lambda: gan(regularizers=kg.R1(1.0)), "regularizers must be a .*R1"),
    "unknown": (lambda: gan(latent_dim=3), "latent_dim"),
    "loss": (lambda: gan().compile(loss="mse"), "got 'loss'.*its own loss"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), MISTYPED.values(), ids=MISTYPED)
def test_what_is_no_such_object_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_one_optimizer_for_both_is_refused():
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="must be 2 different objects, received one"):
        gan().compile(adam, adam)


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_a_frozen_player_is_refused(frozen):
    model = gan()
    getattr(model, frozen).trainable = False
    model.compile()
    with pytest.raises(ValueError, match=f"the {frozen} has no trainable weights"):
        model.fit(PICTURES, verbose=0)


def test_labels_of_an_unconditional_model_are_refused():
    with pytest.raises(ValueError, match="must be None for an unconditional"):
        gan().sample(3, condition=1)


def test_the_defaults_are_those_of_dcgan():
    model = gan()
    model.compile()
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    assert optimizers[0] is not optimizers[1]
    for optimizer in optimizers:
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == np.float32(2e-4)
        assert optimizer.beta_1 == 0.5


@pytest.mark.parametrize(
    "inputs",
    [Vectors(3), Vectors(3, is_unit=True), Latents((3,)), Columns([Numeric("a")])],
)
def test_the_package_s_own_generators_reach_all_values(inputs):
    assert kg.GAN(*pair(inputs.shape), inputs=inputs).inputs == inputs


def test_images_and_vectors_in_the_unit_interval_keep_tanh():
    vectors = ended((4,), (3,), "tanh"), pair((3,))[1]
    assert kg.GAN(*vectors, inputs=Vectors(3, is_unit=True)).inputs.is_unit
    assert gan(ended((4,), IMAGE, "tanh")).inputs.is_unit

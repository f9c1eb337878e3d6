"""What a text VAE's latent vector is worth: its decoder, with it and without.

    python tests/benchmarks/latent.py text_vae_shakespeare

The second model is the first one's decoder as a language model, without a latent vector
and without hidden tokens, trained on the same sentences as long and at the same rate.
"""

import argparse

import keras

import keras_gen as kg
from keras_gen import zoo
from keras_gen.zoo.languages import tokenized


def parse():
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="a recipe of a text VAE")
    parser.add_argument("--run", help="a run of it; by default its weights")
    return parser.parse_args()


def without_latent(vae, recipe, data):
    """The decoder alone, trained."""
    keras.utils.set_random_seed(recipe.seed)
    network = type(vae.decoder).from_config(
        {**vae.decoder.get_config(), "condition_size": 0}
    )
    model = kg.Autoregressive(network, vae.tokenizer, seed=recipe.seed)
    optimizer = recipe.build(recipe.seed).optimizer
    model.compile(type(optimizer).from_config(optimizer.get_config()))
    how = {"batch_size": recipe.batch_size, "epochs": recipe.epochs, "verbose": 0}
    model.fit(data.train.rows, **how)
    return model


def main():
    """Runs the command line."""
    options = parse()
    recipe = zoo.find_recipe(options.recipe)
    vae = zoo.load(options.run or options.recipe)
    data = tokenized(zoo.load_data(recipe.data), recipe, vae.tokenizer)
    x = data.test.rows
    rates, distortions = kg.metrics.rates_and_distortions(vae, x)
    alone = -without_latent(vae, recipe, data).log_prob(x)
    print(f"nats per sentence, {len(x)} sentences of {recipe.data}")
    for title, values in {
        "KL of the latent vector": rates,
        "reconstruction with it": distortions,
        "both: a bound of minus log p": rates + distortions,
        "the decoder without, minus log p": alone,
        "what the latent vector saves the decoder": alone - distortions,
    }.items():
        figure = kg.metrics.nats(values)
        print(f"{title:42}{figure.value:8.2f} ± {figure.standard_error:.2f}")


if __name__ == "__main__":
    main()

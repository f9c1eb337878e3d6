"""The training of models: batches, the compiled loop, and the seam to Keras."""

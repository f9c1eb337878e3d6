"""How models are trained: batches, the compiled loop, and the seam to Keras."""

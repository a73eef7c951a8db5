"""One step of a training: gradients of a batch, the optimizers, and the average of the weights."""

"""Model files: card, weights, identity and ONNX graph of a model, and where models are found."""

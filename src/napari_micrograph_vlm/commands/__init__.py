"""The larger jobs of the command line: data, training, evaluation."""

"""Video in, skeleton motion out: the solver's interface and the built-in solver on MediaPipe."""

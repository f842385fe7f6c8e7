"""The parity suite: cases without a framework in them, run in every backend, judged by float64."""

"""convmap: port deep-learning code between PyTorch, MindSpore and MegEngine, and prove each port."""

__version__ = "0.1.0"

"""Reading user code without running it: bytes and positions, names, light inference."""

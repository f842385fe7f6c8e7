"""The frameworks themselves: finding and making their environments, running models in them."""

"""The wire proxy: an address for each instance, where every statement can be held."""

"""The model formats that Triton runs, a module each; `registry.py` has all of them."""

"""Object stores and what opens them, for models that are read and pictures that are written.

credentials.py   the keys of a Secret, and how none of them reaches a message
base.py          what a store is to its callers
errors.py        why a store did not do what it was asked for
s3.py, gs.py     the two stores, through the fsspec file system of their vendor; imported when a URI asks for one
"""

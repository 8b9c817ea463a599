"""What a model's tensors mean for people: classes, boxes and outlines. Arrays in, typed predictions out; no wire.

classification.py   scores of classes → probabilities
detection.py        the outputs of a detector → `Detections`, by `spec.io.detection`
boxes.py            layouts and units of boxes, overlap
suppression.py      overlapping boxes → the best ones
masks.py            masks → outlines
tabular.py          what is said of the rows of a table
outputs.py          the checks that all of them make on what a model gave
"""

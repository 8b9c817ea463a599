"""Files that run inside Triton's Python backend, in an environment of their own; Modelport itself never imports them.

They may use the standard library, numpy below 2 and the library that they are made for, and nothing of Modelport.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

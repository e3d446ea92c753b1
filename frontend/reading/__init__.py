"""What a person typed, pasted or uploaded, as an array of numbers; or where it is none, and why.

Numbers are Arrow and NumPy arrays from the text on: a Python object for each would take several
times the memory.
"""

from frontend.reading.files import FILE_TYPES, parse, parse_file
from frontend.reading.numeric import NotNumbersError, Numbers, TooMuchError

__all__ = ["FILE_TYPES", "NotNumbersError", "Numbers", "TooMuchError", "parse", "parse_file"]

"""Read numbers from a text or a file, or report what is not a number, with position and reason.

The numbers are always in Arrow and NumPy arrays: Python objects would take several times the
memory.
"""

from frontend.reading.files import parse, parse_file
from frontend.reading.numeric import NotNumbersError, Numbers, TooMuchError

__all__ = ["NotNumbersError", "Numbers", "TooMuchError", "parse", "parse_file"]

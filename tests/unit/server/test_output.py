"""Output that nobody reads is dropped; everything else arrives."""

import os
import time

from server.output import KEPT_BYTES, Output


def test_whatever_is_written_arrives_in_order() -> None:
    read, write = os.pipe()
    with Output(write):
        os.write(write, b"first\nno ")
        os.write(write, b"cut\nno end of line")
    os.close(write)
    with os.fdopen(read, "rb") as file:
        assert file.read() == b"first\nno cut\nno end of line"


def test_lines_that_nobody_reads_are_dropped_and_counted() -> None:
    read, write = os.pipe()
    line = b"x" * 1023 + b"\n"
    count = 4 * KEPT_BYTES // len(line)
    with Output(write):
        began = time.monotonic()
        for _ in range(count):
            os.write(write, line)
        # Nothing waits for a reader.
        assert time.monotonic() - began < 5
        os.write(write, b"one of those that are dropped\n")
        received = b""
        while len(received) < KEPT_BYTES // 2:
            received += os.read(read, 1 << 16)
        os.write(write, b"the last line\n")
        while b"the last line" not in received:
            received += os.read(read, 1 << 16)
    os.close(write)
    os.close(read)
    lines = received.splitlines(keepends=True)
    notes = [int(text.split()[1]) for text in lines if text.startswith(b"serve: ")]
    assert sum(notes) >= count // 2
    # The dropped lines, those that arrived, and the last one, which replaces the notes.
    assert sum(notes) + len(lines) - len(notes) == count + 2
    assert lines[-1] == b"the last line\n"


def test_a_closed_pipe_costs_only_the_output() -> None:
    read, write = os.pipe()
    os.close(read)
    with Output(write):
        os.write(write, b"lost\n" * 1000)
    os.close(write)

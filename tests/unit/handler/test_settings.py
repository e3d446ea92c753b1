import pytest

import settings

INPUTS = [
    (f"model: {{inputs: {{a: {{}}, x: {settings_}}}}}", f"{message} - at $.model.inputs.x{place}")
    for settings_, message, place in [
        ("{datatyp: FP32}", "unknown field datatyp", ""),
        ("{datatype: [FP32, fp64]}", "Invalid enum value 'fp64'", ".datatype[1]"),
        ("{shape: [-2]}", "Expected int >= -1", ".shape[0]"),
        ("{shape: [1, 1, 1, 1, 1, 1, 1, 1, 1]}", "Expected array of length <= 8", ".shape"),
        ("{datatype: FP32, minimum: 1}", "minimum and maximum are for integers", ""),
        ("{minimum: 2, maximum: 1}", "minimum is larger than maximum", ""),
    ]
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *INPUTS,
        ("", "model-config.yaml contains no settings"),
        ("- batchSize: 1", "model-config.yaml: expected keys and values, got list"),
        ("batchSize: 1\n\tmaxBatchDelay: 1", "'\\t' that cannot start any token in line 2"),
        ("batchSize: 1\nbatchSize: 2", "the key batchSize appears twice in line 2"),
        ('batchSize: "8"', "Expected int, got str - at $.batchSize"),
        ("batchSize: 0", "Expected int >= 1 - at $.batchSize"),
        ("batchSize: 3000000000", "Expected int <= 2147483647 - at $.batchSize"),
        ("batchsize: 1", "unknown field batchsize"),
        ("minWorkers: 3", "minWorkers needs a maxWorkers that is not smaller"),
        ("model: {batch: row}", "Invalid enum value 'row' - at $.model.batch"),
        ("model: {outputs: []}", "Expected array of length >= 1 - at $.model.outputs"),
    ],
)
def test_an_error_names_the_key_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^model-config\.yaml") as caught:
        settings.read(settings.load(text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_yaml_reads_as_booleans_stay_names() -> None:
    read = settings.read(
        settings.load("useJobTicket: yes\nmodel: {inputs: {on: {}}, outputs: [yes, no]}")
    )
    assert read.use_job_ticket is True
    assert (list(read.model.inputs), read.model.outputs) == (["on"], ["yes", "no"])
    with pytest.raises(ValueError, match="put the name in quotes"):
        settings.read({"model": {"inputs": {True: {}}}})

import pytest

from ivos.errors import InputError, OutputError
from ivos.train.log import Log, read_log


def test_rows_are_there_at_once_and_read_back(tmp_path):
    log = Log(tmp_path / "log.csv", 0)
    log.add(1, {"loss": 0.123456789, "j": 1.0})
    log.add(2, {"loss": 2e-7, "j": 0.5})
    log.secure()
    assert read_log(tmp_path / "log.csv") == {"step": [1, 2], "loss": [0.123457, 2e-7], "j": [1, 0.5]}


def test_going_on_takes_out_steps_that_the_checkpoint_does_not_know_and_half_rows(tmp_path):
    path = tmp_path / "log.csv"
    log = Log(path, 0)
    for step in range(1, 6):
        log.add(step, {"loss": step})
    with path.open("a") as file:
        file.write("6,0.")
    Log(path, 3).add(4, {"loss": 40})
    assert read_log(path) == {"step": [1, 2, 3, 4], "loss": [1, 2, 3, 40]}
    Log(path, 0).add(1, {"other": 7})
    assert read_log(path) == {"step": [1], "other": [7]}


@pytest.mark.parametrize("text", ["hello\nworld\n", "step,loss\n1\n", "step,loss\nx,1\n", "step,loss\n1,x\n"])
def test_what_is_no_log_is_refused(text, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="not a training log"):
        Log(path, 1)
    with pytest.raises(InputError):
        read_log(tmp_path / "nothing.csv")


def test_an_empty_file_is_an_empty_log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("")
    Log(path, 5).add(6, {"loss": 1})
    assert read_log(path)["step"] == [6]


def test_a_folder_that_is_gone_is_a_sentence(tmp_path):
    with pytest.raises(OutputError):
        Log(tmp_path / "gone" / "log.csv", 0).add(1, {"loss": 1})

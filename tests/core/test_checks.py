"""Parameter checks, warnings and optional imports."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stefaland_sk import _core
from stefaland_sk._core import (
    check_instance,
    check_number,
    check_option,
    import_optional,
    refuse_path,
)


def test_a_legal_option_comes_back():
    assert check_option("loss", "nse", ["nse", "rmse"]) == "nse"
    assert check_option("head", None, [None, "lstm"]) is None


@pytest.mark.parametrize("value", ["mae", 1, True, None, np.zeros(2)])
def test_an_illegal_option_is_named(value):
    with pytest.raises(
        ValueError, match=r"`loss` must be one of \['nse', 'rmse'\]. Got .* instead"
    ):
        check_option("loss", value, ["nse", "rmse"])


def test_a_misspelt_option_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"Got 'nsee' instead. Did you mean 'nse'\?$"):
        check_option("metric", "nsee", [None, "nse", "kge"])
    with pytest.raises(ValueError, match=r"Got 'bias' instead.$"):
        check_option("metric", "bias", ["nse", "kge"])


def test_a_class_is_no_estimator():
    model = Ridge()
    assert check_instance("estimator", model) is model
    with pytest.raises(TypeError, match=r"`lstm` must be an estimator.*class Ridge;.* Ridge\(\)"):
        check_instance("lstm", Ridge)
    with pytest.raises(TypeError, match="Got 'ridge', which has no `fit`"):
        check_instance("estimator", "ridge")


@pytest.mark.parametrize("path", ["data/camels", Path("data/camels")])
def test_a_path_is_no_data(path):
    with pytest.raises(TypeError, match=r"X must hold samples. Got the path .*load_panel"):
        refuse_path(path)


def test_true_does_not_pass_for_one():
    with pytest.raises(ValueError, match=r"`level` must be one of \[0, 1\]. Got True instead"):
        check_option("level", True, [0, 1])


@pytest.mark.parametrize("value", [1, 64, np.int64(3), np.int32(1)])
def test_whole_numbers_pass(value):
    assert check_number("batch_size", value, low=1, integer=True) == value


@pytest.mark.parametrize("value", [0.5, np.float32(0.25), 0, 1])
def test_numbers_in_range_pass(value):
    assert check_number("dropout", value, low=0, high=1) == value


def test_none_passes_only_where_it_may():
    assert check_number("window", None, none=True) is None
    with pytest.raises(TypeError, match="`window` must be a number. Got None"):
        check_number("window", None)


@pytest.mark.parametrize("value", [True, "3", 2.0, np.float64(2.0), [3]])
def test_what_is_no_whole_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="`n` must be a whole number or None. Got"):
        check_number("n", value, integer=True, none=True)


@pytest.mark.parametrize(
    ("value", "limits", "shown"),
    [
        (-1, {"low": 0}, r"\[0, inf\)"),
        (2, {"high": 1}, r"\(-inf, 1\]"),
        (0, {"low": 0, "open_low": True, "high": 1}, r"\(0, 1\]"),
        (float("nan"), {"low": 0, "high": 1}, r"\[0, 1\]"),
    ],
)
def test_numbers_out_of_range_name_the_range(value, limits, shown):
    with pytest.raises(ValueError, match=rf"`lr` must lie in {shown}. Got .* instead"):
        check_number("lr", value, **limits)


def test_a_package_that_is_there_is_imported():
    assert import_optional("json.decoder", "test", "This").__name__ == "json.decoder"


def test_a_package_that_is_not_there_names_the_extra():
    message = r"Reading zarr needs the package 'no_such'.*pip install 'stefaland-sk\[zarr\]'"
    with pytest.raises(ImportError, match=message) as caught:
        import_optional("no_such.part", "zarr", "Reading zarr")
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize("name", ["DataWarning", "LeakageWarning", "SplitWarning"])
def test_warnings_can_be_silenced_one_by_one(name):
    kinds = {getattr(_core, other) for other in _core.__all__ if other.endswith("Warning")}
    kind = getattr(_core, name)
    assert issubclass(kind, UserWarning)
    assert not any(issubclass(kind, other) for other in kinds - {kind})


def test_a_checkpoint_error_is_a_value_error():
    assert issubclass(_core.CheckpointError, ValueError)

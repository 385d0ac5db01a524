"""Tables of embeddings: identifiers, columns, years, files."""

import numpy as np
import pandas as pd
import pytest

from stefaland_sk.encoders import SiteEmbeddingEncoder
from stefaland_sk.encoders._site_table import read_site_table


@pytest.fixture
def yearly():
    """Two sites in two years, one of them with a gap, beside columns that are no embeddings."""
    return pd.DataFrame(
        {
            "gauge": ["01", "02", "01", "02"],
            "year": [2017, 2017, 2018, 2018],
            "A00": [0.0, 0.2, 0.4, np.nan],
            "A01": [0.1, 0.3, 0.3, 0.5],
            "name": ["x", "y", "x", "y"],
        }
    )


def test_the_years_of_a_site_are_averaged_and_those_with_gaps_left_out(yearly):
    vectors, years = read_site_table(yearly, site="gauge")
    assert vectors.index.tolist() == ["01", "02"]
    assert list(vectors) == ["A00", "A01"]
    np.testing.assert_allclose(vectors, [[0.2, 0.2], [0.2, 0.3]])
    assert years == [2017, 2018]


def test_the_order_of_the_rows_does_not_matter(yearly):
    one, _ = read_site_table(yearly, site="gauge")
    two, _ = read_site_table(yearly[::-1], site="gauge")
    pd.testing.assert_frame_equal(one, two.loc[one.index])


def test_some_of_the_years_may_be_chosen(yearly):
    vectors, years = read_site_table(yearly, site="gauge", years=(2018, 2030))
    assert years == [2018]
    np.testing.assert_allclose(vectors.loc["01"], [0.4, 0.3])
    assert vectors.loc["02"].isna().all()
    with pytest.raises(ValueError, match="no row from 1990 to 2000; its years are 2017 to 2018"):
        read_site_table(yearly, site="gauge", years=(1990, 2000))


@pytest.mark.parametrize("columns", ["A*", "A[0-9][0-9]", ["A00", "A01"], None])
def test_columns_are_told_by_name_or_pattern(yearly, columns):
    assert list(read_site_table(yearly, site="gauge", columns=columns)[0]) == ["A00", "A01"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_keep_leading_zeros(yearly, tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    if ending == "csv":
        yearly.to_csv(path, index=False)
    else:
        yearly.to_parquet(path)
    pd.testing.assert_frame_equal(
        read_site_table(path, site="gauge")[0], read_site_table(yearly, site="gauge")[0]
    )
    yearly.rename(columns={"gauge": "site"}).to_csv(tmp_path / "other.csv", index=False)
    assert read_site_table(tmp_path / "other.csv")[0].index.tolist() == ["01", "02"]


def test_the_index_may_hold_the_sites(yearly):
    indexed = yearly.set_index("gauge")
    expected = read_site_table(yearly, site="gauge")[0]
    for site in (None, "gauge"):
        pd.testing.assert_frame_equal(read_site_table(indexed, site=site)[0], expected)


def test_what_tells_no_sites(yearly):
    with pytest.raises(ValueError, match=r"no column 'site', and its index is a mere count"):
        read_site_table(yearly)
    with pytest.raises(ValueError, match=r"no column 'id' of site identifiers. It has the colu"):
        read_site_table(yearly, site="id")
    wide = pd.DataFrame(np.zeros((1, 9)), index=["a"])
    with pytest.raises(ValueError, match=r"It has 9 columns: \['0', '1', .* \.\.\."):
        read_site_table(wide, site="id")


def test_columns_that_are_not_there(yearly):
    with pytest.raises(ValueError, match=r"lacks 1 of the 2 columns asked for, .*\['A02'\]"):
        read_site_table(yearly, site="gauge", columns=["A00", "A02"])
    with pytest.raises(ValueError, match=r"no column of embeddings \(`columns`='emb_\*'\)"):
        read_site_table(yearly, site="gauge", columns="emb_*")
    with pytest.raises(ValueError, match=r"must be numbers \(.*\). Name their columns"):
        read_site_table(yearly, site="gauge", columns=["name"])


def test_rows_that_repeat(yearly):
    without = yearly.drop(columns="year")
    with pytest.raises(ValueError, match=r"several rows of 2 sites, .*\['01', '02'\]. If they are"):
        read_site_table(without, site="gauge")
    with pytest.raises(ValueError, match="several rows of one site and year; .* '01', 2017"):
        read_site_table(pd.concat([yearly, yearly[:1]]), site="gauge")


def test_years_that_are_none(yearly):
    with pytest.raises(ValueError, match="no column 'season' of years"):
        read_site_table(yearly, site="gauge", year="season")
    with pytest.raises(ValueError, match="whole numbers, such as 2017, in each row"):
        read_site_table(yearly.assign(year=[2017, 2017, 2018, None]), site="gauge")
    with pytest.raises(ValueError, match="`years` needs a column of years"):
        read_site_table(yearly[:2].drop(columns="year"), site="gauge", years=(2017, 2018))


def test_what_is_no_table(tmp_path):
    with pytest.raises(TypeError, match="path of a CSV or parquet file. Got dict"):
        SiteEmbeddingEncoder({})
    with pytest.raises(FileNotFoundError, match=r"no table of embeddings at '.*none\.csv'"):
        SiteEmbeddingEncoder(tmp_path / "none.csv")
    (tmp_path / "table.xlsx").write_text("")
    with pytest.raises(ValueError, match=r"a \.parquet or a \.csv file; got '.*table\.xlsx'"):
        SiteEmbeddingEncoder(tmp_path / "table.xlsx")

from __future__ import annotations

from integrations.lab.records import Record, Table


def test_readers_see_the_old_value_until_the_lag_is_over() -> None:
    record = Record("1", {"a": 1, "b": 1})
    assert record.write({"a": 2}, now=100, lag=5) == {"a": 1}
    assert record.view(104.9) == {"a": 1, "b": 1}
    assert record.props["a"] == 2
    assert record.view(105) == {"a": 2, "b": 1}


def test_a_second_write_keeps_what_readers_saw() -> None:
    record = Record("1", {"a": 1})
    record.write({"a": 2}, now=100, lag=5)
    record.write({"a": 3}, now=101, lag=5)
    assert record.view(103)["a"] == 1
    assert record.view(106)["a"] == 3


def test_a_write_without_lag_is_seen_at_once() -> None:
    record = Record("1", {"a": 1})
    record.write({"a": 2}, now=100, lag=5)
    record.write({"a": 3}, now=101)
    assert record.view(101)["a"] == 3


def test_deleted_objects_linger_for_readers_only() -> None:
    table = Table()
    table.add(Record("1", {}))
    assert table.remove("1", now=100, lag=5) is not None
    assert [row.id for row in table.listed(104)] == ["1"]
    assert table.find("1", 104) is not None
    assert table.get("1") is None
    assert table.remove("1", now=101, lag=5) is None
    assert table.listed(105) == []
    assert table.find("1", 105) is None


def test_created_objects_appear_late() -> None:
    table = Table()
    table.add(Record("1", {}))
    table.add(Record("2", {}), now=100, lag=5)
    assert [row.id for row in table.listed(104)] == ["1"]
    assert table.find("2", 104) is None
    assert table.get("2") is not None
    assert [row.id for row in table.listed(105)] == ["1", "2"]

"""Addresses of databases: which driver they mean, what is shown of them, how long to wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rarecall.errors import PackageError
from rarecall.work import storage
from rarecall.work.storage import driven, hidden, hidden_in, open_storage


def only(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr(storage, "find_spec", lambda name: name if name in packages else None)


@pytest.mark.parametrize(
    ("address", "package", "named"),
    [
        ("postgresql://h/d", "psycopg2", "postgresql+psycopg2://h/d"),
        ("postgresql://h/d", "psycopg", "postgresql+psycopg://h/d"),
        ("postgres://h/d", "psycopg2", "postgresql+psycopg2://h/d"),
        ("mysql://h/d", "MySQLdb", "mysql+mysqldb://h/d"),
        ("mysql://h/d", "pymysql", "mysql+pymysql://h/d"),
        ("mariadb://h/d", "pymysql", "mariadb+pymysql://h/d"),
        ("mysql+mysqlconnector://h/d", "", "mysql+mysqlconnector://h/d"),
        ("oracle://h/d", "", "oracle://h/d"),
    ],
)
def test_an_address_without_a_driver_means_one_that_is_there(
    address: str, package: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, package)
    assert driven(address) == named


@pytest.mark.parametrize(
    ("kind", "extra"), [("postgresql", "postgresql"), ("mysql", "mysql"), ("mariadb", "mysql")]
)
def test_a_missing_driver_is_named(
    kind: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(monkeypatch)
    with pytest.raises(PackageError, match=rf"pip install \"rarecall\[{extra}\]\""):
        open_storage(tmp_path, f"{kind}://me:secret@host/queues")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me@host/d", "postgresql://me@host/d"),
        ("postgresql://host:5432/d", "postgresql://host:5432/d"),
        ("postgresql://me:a/b:c@host/d", "postgresql://me:***@host/d"),
        ("postgresql://me:se@cret@host/d", "postgresql://me:***@host/d"),
        ("mysql://h/d?user=me&passwd=x&b=1", "mysql://h/d?user=me&passwd=***&b=1"),
        ("postgresql:///d?sslpassword=x", "postgresql:///d?sslpassword=***"),
    ],
)
def test_passwords_are_hidden_wherever_they_stand(address: str, shown: str) -> None:
    assert hidden(address) == shown
    told = hidden_in(f"no connection to {address}", address)
    assert told == f"no connection to {shown}"


def test_braces_in_an_address_are_not_a_template(tmp_path: Path) -> None:
    found = open_storage(tmp_path, f"sqlite:///{tmp_path}/a{{b}}.db")
    assert (tmp_path / "a{b}.db").exists()
    found.remove_session()


@pytest.mark.parametrize(
    ("address", "given", "missing"),
    [
        ("postgresql+psycopg2://h/d", {"connect_timeout": 30, "tcp_user_timeout": 120_000}, ""),
        ("postgresql+psycopg://h/d?connect_timeout=5", {"keepalives_count": 4}, "connect_timeout"),
        ("mysql+pymysql://h/d", {"connect_timeout": 30, "read_timeout": 120}, ""),
        ("mariadb+pymysql://h/d?read_timeout=9", {"write_timeout": 120}, "read_timeout"),
        ("oracle+oracledb://h/d", {}, "connect_timeout"),
    ],
)
def test_a_database_is_waited_for_so_long_unless_the_address_says_it(
    address: str, given: dict[str, Any], missing: str
) -> None:
    found = dict(storage._patience(address))
    assert given.items() <= found.items()
    assert missing not in found

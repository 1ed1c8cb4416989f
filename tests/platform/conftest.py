"""A fake account over HTTP, what speaks to it, and a file that has one object of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.platform.account import Account, clients, served

from medallion_pipelines.platform import Clients, Platform, apply, load_platform

SMALL = Path(__file__).with_name("small.yaml")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "platform.yaml"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def address(account: Account) -> Iterator[str]:
    with served(account) as url:
        yield url


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def speaking(address: str, pauses: list[float]) -> Clients:
    return clients(address, pauses.append)


@pytest.fixture(scope="session")
def small() -> Platform:
    return load_platform(SMALL)


@pytest.fixture(scope="session")
def example() -> Platform:
    """The example of the documentation, with a value for each variable that needs one."""
    variables = yaml.safe_load(EXAMPLE.read_text("utf-8"))["variables"]
    return load_platform(EXAMPLE, {name: name for name in variables if "default" not in variables[name]})


@pytest.fixture(scope="session")
def uninterrupted(small: Platform) -> Account:
    """An account that became what the small file declares."""
    account = Account()
    with served(account) as url:
        complete(url, account, small)
    return account


@pytest.fixture
def whole(account: Account, uninterrupted: Account) -> Account:
    """The account, as the small file has it."""
    account.all = deepcopy(uninterrupted.all)
    return account


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[Edit], Platform]:
    """The small file with an edit."""

    def write(edit: Edit) -> Platform:
        content = yaml.safe_load(SMALL.read_text("utf-8"))
        edit(content)
        file = tmp_path / "platform.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return load_platform(file)

    return write


def complete(address: str, account: Account, platform: Platform) -> None:
    """As an operator gets there: apply, deploy, apply."""
    apply(clients(address), platform)
    deploy(account)
    apply(clients(address), platform)


def deploy(account: Account) -> None:
    """What others bring into the account: a job, a directory, a secret."""
    account.job("one", "refine")
    account.directory("one", "/Shared/flights")
    account.secret("eu", "flights.secrets.rds")

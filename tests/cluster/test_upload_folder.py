"""`pixmill upload` of a folder, through two killed brokers and a Ctrl-C. At length: `python -m torture.uploads`."""

from collections.abc import Callable

import pytest

from tests.support.clusters.cluster import Cluster
from torture.uploads.folder import SETTINGS, broken, folder_uploaded

pytestmark = pytest.mark.cluster


def test_a_folder_is_uploaded_once_through_two_killed_brokers_and_a_ctrl_c(new_cluster: Callable[..., Cluster]) -> None:
    figures = folder_uploaded(new_cluster(**SETTINGS).start(), 40)
    assert broken("folder", figures) == []
    assert 20 <= figures["done_at_interrupt"] < 40

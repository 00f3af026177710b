"""What one request may use.

python -m pytest tests/app/test_limits.py
"""

import pytest

from cxr_fastai.app.limits import MB, Limits
from cxr_fastai.app_flags import APP_LIMITS


def test_bytes_follow_from_megabytes():
    limits = Limits(max_mb=3)
    assert (limits.max_bytes, limits.bytes_in_flight) == (3 * MB, 12 * MB)


def test_who_sends_nothing_is_not_waited_for_and_who_sends_is():
    limits = Limits(body_seconds=15, slowest_mb=0.5)
    assert limits.seconds_for(0) == 15 and limits.seconds_for(MB) == 17


@pytest.mark.parametrize("flag", APP_LIMITS)
def test_a_flag_has_the_default_of_its_limit(flag):
    assert getattr(Limits(), flag.removeprefix("--").replace("-", "_")) == APP_LIMITS[flag][0]

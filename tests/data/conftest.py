"""Property tests without a clock: on a machine that is busy with other things a slow example is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("patient", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

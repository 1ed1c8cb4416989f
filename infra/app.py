"""What `cdk` runs: synthesises the platform that settings.toml describes."""

from medallion_platform.platform import compose
from medallion_platform.settings import load

compose(load()).synth()

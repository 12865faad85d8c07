"""Names for runs that were given none: easier to say and to tell apart than an id."""

from __future__ import annotations

import secrets

_QUALITIES = (
    *("able", "ample", "brisk", "calm", "candid", "clear", "deep", "eager", "early", "fair"),
    *("fine", "fluent", "frank", "gentle", "glad", "grand", "honest", "keen", "kind", "lively"),
    *("lucid", "mellow", "neat", "nimble", "novel", "patient", "plain", "proud", "quick", "quiet"),
    *("rapid", "ready", "round", "silver", "steady", "subtle", "swift", "terse", "vivid", "warm"),
)
_THINGS = (
    *("aspen", "badger", "beacon", "birch", "brook", "canyon", "cedar", "comet", "coral", "crane"),
    *("delta", "dune", "ember", "falcon", "fern", "fjord", "glacier", "harbor", "heron", "island"),
    *("jay", "kestrel", "lagoon", "lark", "lynx", "maple", "marten", "meadow", "otter", "pebble"),
    *("pine", "plover", "prairie", "quartz", "raven", "reef", "ridge", "river", "robin", "sable"),
    *("seal", "spruce", "stork", "summit", "swan", "thrush", "tundra", "valley", "willow", "wren"),
)


def made_up_name() -> str:
    """Return a name such as "calm-heron-371". The program's random numbers are left alone."""
    number = secrets.randbelow(1000)
    return f"{secrets.choice(_QUALITIES)}-{secrets.choice(_THINGS)}-{number}"

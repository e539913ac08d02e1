"""Prefix caching: which leading blocks of a prompt were seen before."""

BLOCK_TOKENS = 32


class PrefixCache:
    """Remembers every prompt's blocks, for ever: a fault to be found, not a model of eviction.

    A blind one takes any block for the one that was at its place before.
    """

    def __init__(self, blind: bool = False):
        self.seen: set[int] = set()
        self.blind = blind

    def look_up_and_keep(self, token_ids: list[int]) -> int:
        """Number of leading tokens already cached; at least one token is always computed."""
        cached, known, prefix = 0, True, 0
        for end in range(BLOCK_TOKENS, len(token_ids) + 1, BLOCK_TOKENS):
            prefix = hash((prefix, () if self.blind else tuple(token_ids[end - BLOCK_TOKENS : end])))
            known = known and prefix in self.seen
            if known:
                cached = end
            self.seen.add(prefix)
        return min(cached, len(token_ids) - 1)

"""A Progress that remembers what it was told, for tests."""


class RecordingMeter:
    """Counts the bytes that a meter would show."""

    def __init__(self, total, done, what):
        self.total = total
        self.done = done
        self.what = what
        self.closed = False
        self.updates = []

    def update(self, n):
        self.updates.append(n)
        self.done += n

    def close(self):
        self.closed = True


class RecordingProgress:
    """`meters` in the order in which they were opened, `lines` as they were said."""

    def __init__(self, meter_type=RecordingMeter):
        self.meter_type = meter_type
        self.meters = []
        self.lines = []

    def bar(self, items, total, what):
        yield from items

    def meter(self, total, done, what):
        self.meters.append(self.meter_type(total, done, what))
        return self.meters[-1]

    def say(self, text):
        self.lines.append(text)

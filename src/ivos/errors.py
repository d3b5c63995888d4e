"""The few kinds of error that ivos raises on purpose; each message says what came, what was expected, what to do."""


class IvosError(Exception):
    """Any failure that the user can understand and mend; the command line prints it and exits with code 2."""


class InputError(IvosError, ValueError):
    """A value, file or folder given by the user is not usable."""


class WeightsError(IvosError):
    """A weights file is damaged, foreign, or does not fit the network."""


class OutputError(IvosError, OSError):
    """Something could not be written: folder not writable, disk full."""


class SessionOrderError(IvosError, RuntimeError):
    """A session method was called before what it depends on, such as `propagate` before `annotate`."""

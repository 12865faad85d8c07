"""The errors that a user can cause and mend."""


class InputError(ValueError):
    """Something the user gave is wrong: one line that says what, where and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """


class NotAvailableError(InputError):
    """What was asked for is a part of nw2v that this version does not have."""


class FailedJobsError(RuntimeError):
    """Some jobs of a sweep or systems of a comparison failed: one line that says which.

    The others are done. The command line prints the message without a traceback and exits with
    status 1.
    """

"""Why a task is in its state: one answer from a spec and the rows of a status. Pure; decides nothing.

The planner has written each row's reason. This package adds the cause: which dependency, which tasks hold the slots,
which path, until when.
"""

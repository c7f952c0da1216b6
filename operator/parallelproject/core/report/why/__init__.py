"""Why a task stands where it stands: one answer from a spec and the rows of a status. Pure; decides nothing.

The planner has written each row's reason. What is added here is who and what stands behind it: which dependency,
who holds the slots, which path, until when.
"""

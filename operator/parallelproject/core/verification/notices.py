"""The sentence for people when the verification of a project has a new result. Pure."""

_HEADS = {
    "Verifying": "verifying",
    "Verified": "verified",
    "Repairing": "verification failed, to be repaired",
    "ChecksFailed": "verification failed, the run continues",
    "VerificationFailed": "verification failed",
    "Reverting": "verification failed, to be reverted",
    "Reverted": "verification failed, reverted",
    "RevertFailed": "verification failed, the run stops",
    "BaseFailed": "verification failed, the run stops",
    "BrokenByOthers": "verification failed, the run stops",
    "CauseUnknown": "verification failed, the run stops",
}


def notice(condition: tuple[str, str, str]) -> str:
    """The sentence for a condition Verified: its status, reason and message."""
    _, reason, message = condition
    return f"{_HEADS.get(reason, reason)}: {message}"

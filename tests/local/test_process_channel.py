"""The channel between the engine and the supervisor."""

import os
import socket

from parallelproject.local.supervisor.channel import Channel, receive_files


def test_files_come_with_their_message_and_what_follows_is_not_mixed_in() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    read, write = os.pipe()
    channel.send_files(["settings", 1.5], [write])
    channel.send({"start": [1]})
    channel.send({"end": True})
    message, files = receive_files(theirs, 1)
    assert message == ["settings", 1.5]
    assert not os.get_inheritable(files[0])
    os.write(files[0], b"x")
    assert os.read(read, 1) == b"x"
    assert Channel(theirs).receive() == [{"start": [1]}, {"end": True}]
    for file in (read, write, *files):
        os.close(file)


def test_nothing_is_received_from_an_end_that_is_gone() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    assert receive_files(theirs, 1) == (None, [])


def test_closing_waits_until_the_other_end_has_taken_all_and_is_gone() -> None:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        received = 0
        while data := theirs.recv(65536):
            received += len(data)
            if data.endswith(b"}\n"):
                break
        os._exit(0 if received > 1_000_000 else 1)
    theirs.close()
    channel = Channel(ours)
    channel.send({"much": "x" * 1_000_000})
    channel.wait_closed()
    assert channel.closed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

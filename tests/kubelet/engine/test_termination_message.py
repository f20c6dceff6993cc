"""The message of a container that ended: from its file, from its log, or none."""

from typing import Any

CLEANED = "cat: can't open '/no/such': No such file or directory\n"


def message(story: Any) -> str | None:
    story.until(lambda: story.of("a")["state"].get("terminated") is not None)
    found: str | None = story.of("a")["state"]["terminated"].get("message")
    return found


def put(story: Any, text: str) -> None:
    """Write the host's end of the termination log, as the container's process would."""
    mounts = [one.request.config.mounts for one in story.node.journal if one.method == "CreateContainer"][-1]
    path = next(one.host_path for one in mounts if one.container_path.endswith("termination-log"))
    story.node._world._host_files.write(path, text.encode())


def test_from_the_file(story: Any, c: Any) -> None:
    story.pod(c("a"), restartPolicy="Never")
    story.until(lambda: story.is_running("a"))
    put(story, "the reason why")
    story.exit(1)
    assert message(story) == "the reason why"


def test_the_last_4096_bytes(story: Any, c: Any) -> None:
    story.pod(c("a"), restartPolicy="Never")
    story.until(lambda: story.is_running("a"))
    put(story, "x" * 5000 + "end")
    story.exit(1)
    assert message(story) == "x" * 4093 + "end"


def test_path_of_its_own(story: Any, c: Any) -> None:
    story.pod(c("a", terminationMessagePath="/tmp/my-termination-log"), restartPolicy="Never")
    story.until(lambda: story.is_running("a"))
    put(story, "mine")
    story.exit(2)
    assert message(story) == "mine"


def test_nothing_written(story: Any, c: Any) -> None:
    story.pod(c("a", "cat", "/no/such"), restartPolicy="Never")
    assert not message(story)


def test_fallback_to_logs_on_error(story: Any, c: Any) -> None:
    story.pod(c("a", "cat", "/no/such", terminationMessagePolicy="FallbackToLogsOnError"), restartPolicy="Never")
    assert message(story) == CLEANED


def test_no_fallback_when_it_ended_well(story: Any, c: Any) -> None:
    story.pod(c("a", "echo", "fine", terminationMessagePolicy="FallbackToLogsOnError"), restartPolicy="Never")
    assert not message(story)


def test_the_file_wins_over_the_log(story: Any, c: Any) -> None:
    story.pod(c("a", terminationMessagePolicy="FallbackToLogsOnError"), restartPolicy="Never")
    story.until(lambda: story.is_running("a"))
    put(story, "written")
    story.exit(1)
    assert message(story) == "written"


def test_each_restart_has_a_file_of_its_own(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.until(lambda: story.is_running("a"))
    put(story, "first")
    story.exit(1)
    story.run("2s")
    story.exit(1)
    assert not message(story)
    assert story.of("a")["lastState"]["terminated"]["message"] == "first"

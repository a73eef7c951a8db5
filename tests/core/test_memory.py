"""How much memory is free: the lowest of all limits that a process has."""

import pytest

from autoStructN2V import memory


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("0::/job/step", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:memory:/job/step",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_limits_of_control_groups_count_with_those_around_them(tmp_path, monkeypatch, line, names):
    own = tmp_path / "cgroup"
    own.write_text(f"5:cpu:/\n{line}\n")
    top = tmp_path / "fs" / ("memory" if "memory" in line.split(":")[1] else "")
    step = top / "job" / "step"
    step.mkdir(parents=True)
    for group, limit in ((top, 9 * 10**18), (step.parent, 1000), (step, 5000)):
        for name, text in zip(names[:2], (limit, 300), strict=True):
            (group / name).write_text(f"{text}\n")
        (group / "memory.stat").write_text(f"anon 100\n{names[2]} 200\n")
    monkeypatch.setattr(memory, "_OWN_GROUPS", own)
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "fs")
    assert list(memory._of_groups()) == [4900, 900, None]
    assert memory.free_bytes() <= 900


def test_where_nothing_tells_of_groups_there_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    assert list(memory._of_groups()) == []
    (tmp_path / "own").write_text("0::/gone\n")
    assert set(memory._of_groups()) == {None}

"""Which values of copied files and folders count as secrets."""

from pathlib import Path

import pytest

from parallelproject.local.workspace import copied_secrets
from parallelproject.local.workspace.copied_secrets import secret_values

VALUE = "canary-4711-0815"


@pytest.mark.parametrize(
    "line",
    [
        f"API_TOKEN={VALUE}", f"export DB_PASSWORD='{VALUE}'", f'  secret-key: "{VALUE}"', f'  "apiKey": "{VALUE}",',
        f"private_key = {VALUE}  # of the server",
    ],
)  # fmt: skip
def test_a_value_of_a_variable_whose_name_says_that_it_is_secret(tmp_path: Path, line: str) -> None:
    file = tmp_path / "file"
    file.write_text(f"# settings\n{line}\nDEBUG=not-a-secret-value\n")
    assert secret_values([file]) == (VALUE,)


@pytest.mark.parametrize(
    "line",
    [
        "TOKEN=short",
        "KEY=$OTHER_VARIABLE_HERE",
        "TOKEN=your-token-goes-here",
        "a b c",
        "author: somebody@example.org",
        '"keywords": "something-long"',
    ],
)
def test_placeholders_and_short_values_are_none(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(line)
    assert secret_values([file]) == ()


def test_of_a_folder_the_files_with_settings_count(tmp_path: Path) -> None:
    for number, name in enumerate(("a/.env", "a/b/prod.env", "a/.ENV.local", "x.yaml", "aws-credentials")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"TOKEN={VALUE}-{number}\n")
    (tmp_path / "x.yml").write_text("primary_key: customer_number\n")
    (tmp_path / "code.js").write_text("token: something-of-the-code-1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/.env").write_text("TOKEN=of-what-is-behind-a-link-1\n")
    folder = tmp_path / "a"
    (folder / "node_modules").mkdir()
    (folder / "node_modules/test.yaml").write_text("token: of-a-test-of-a-package-1")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "link.env").symlink_to(tmp_path / "outside/.env")
    assert sorted(secret_values([folder])) == [f"{VALUE}-{i}" for i in range(3)]
    assert len(secret_values([tmp_path])) == 6, "all but that of the code"
    assert secret_values([tmp_path / "x.yml"]) == ("customer_number",), "a file that is named is one with secrets"
    assert secret_values([folder / "node_modules"]) == ()
    assert secret_values([tmp_path / "missing", folder / "link"]) == ()


def test_a_huge_folder_is_searched_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied_secrets, "_SEEN_MAX", 10)
    for i in range(30):
        (tmp_path / f"{i:02}").mkdir()
        (tmp_path / f"{i:02}/.env").write_text(f"TOKEN={VALUE}-{i}\n")
    assert secret_values([tmp_path]) == ()
    (tmp_path / ".env").write_text(f"TOKEN={VALUE}\n")
    assert secret_values([tmp_path]) == (VALUE,)

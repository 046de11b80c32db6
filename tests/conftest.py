"""What every suite shares."""

pytest_plugins = ["pytester"]

"""`make audit-screenshot`: a picture of the audit page of a denied claim, taken on a stack of its own."""

import sys
import tempfile
from pathlib import Path

from atdm.client import AtdmClient
from infra.local_stack import StackError, local_stack
from scripts.browser import BrowserError, browse

PICTURE = Path(__file__).parent.parent / "docs" / "assets" / "audit.png"
SIZE = "1200,1232"  # from the banner to the last event of the run below
LARGEST = 200 * 1024  # bytes


def main() -> int:
    """Take the picture; returns 0, or 1 after one line that says what went wrong."""
    try:
        with tempfile.TemporaryDirectory() as home, local_stack(Path(home)) as stack:
            with AtdmClient(api_url=stack.api_url, api_token=stack.api_token, invoker="human:ada") as client:
                wanted = {"provider_network": "out_of_network"}
                answer = client.request_scenario("claim_denial_active_member", constraints=wanted)
                client.reset_run(answer["test_run_id"], answer["cleanup"]["cleanup_token"])
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            browse(
                f"{stack.api_url}/ui/audit/{answer['test_run_id']}", f"--window-size={SIZE}", f"--screenshot={PICTURE}"
            )
    except (BrowserError, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size // 1024} KiB")
    if size > LARGEST:
        print(f"error: more than {LARGEST // 1024} KiB; show less of the page (SIZE)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

import { expect, test } from "@playwright/test";

import { scenario } from "../data/claim_denial_active_member.ts";

test("the page of a member shows the denied claim and why it was denied", async ({ page }) => {
  const [member] = scenario.records.member;
  const [claim] = scenario.records.claim;

  await page.goto(`/ui/members/${scenario.data.member_id}`);

  const name = `${member.first_name} ${member.last_name}`;
  await expect(page).toHaveTitle(name);
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await expect(page.getByTestId("member-id")).toHaveText(member.member_id);
  await expect(page.getByTestId("member-status")).toHaveText(member.status);

  const shown = page.getByRole("row").filter({ has: page.getByRole("cell", { name: claim.claim_id, exact: true }) });
  await expect(shown).toHaveCount(1);
  await expect(shown.getByTestId("claim-status")).toHaveText("denied");
  expect(claim.denial_reason).toBeTruthy();
  await expect(shown.getByTestId("claim-denial-reason")).toHaveText(claim.denial_reason!);
});

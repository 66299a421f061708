import { Button } from "@mantine/core";
import { useState } from "react";
import { rollBack, type Page } from "../../api/client";
import { PersonDialog } from "../../components/PersonDialog";
import { memberFor, packageName, rollbackTarget } from "./derive";

/** Brings back the package before this one, after a question. */
export function RollbackButton({ page }: { page: Page }) {
  const [opened, setOpened] = useState(false);
  const target = rollbackTarget(page);
  return (
    <>
      <Button
        color="red"
        variant="light"
        disabled={!target}
        title={target ? undefined : "no earlier package to go back to"}
        onClick={() => setOpened(true)}
      >
        Roll back…
      </Button>
      <PersonDialog
        page={page}
        title={`Roll back ${page.title}`}
        confirm="Roll back now"
        danger
        reason="Why?"
        member={memberFor(page, "roll back")}
        opened={opened}
        close={() => setOpened(false)}
        act={(who, why) => rollBack(page.name, who, why)}
      >
        {page.champion && <code>{packageName(page.champion)}</code>} stops answering in {page.environment} at once
        {target && (
          <>
            {" "}
            and <code>{packageName(target)}</code> answers again
          </>
        )}
        . Nobody has to approve it; it is recorded.
      </PersonDialog>
    </>
  );
}

import { Button, Group, Modal, NativeSelect, Stack, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Page } from "../api/client";
import { Failure } from "./Failure";

interface Props {
  page: Page;
  title: string;
  children: ReactNode;
  /** Member that is chosen at first. */
  member: string;
  confirm: string;
  danger?: boolean;
  /** A label asks for a reason; without one none is asked for. */
  reason?: string;
  opened: boolean;
  close: () => void;
  act: (member: string, reason: string) => Promise<unknown>;
}

/** Asks who does something and why, does it, and reads the page again. Every change has a name and, where it matters, a reason. */
export function PersonDialog({
  page,
  title,
  children,
  member,
  confirm,
  danger = false,
  reason,
  opened,
  close,
  act,
}: Props) {
  const client = useQueryClient();
  const [who, setWho] = useState(member);
  const [why, setWhy] = useState("");
  const doing = useMutation({
    mutationFn: () => act(who, why.trim()),
    onSuccess: async () => {
      setWhy("");
      close();
      await client.invalidateQueries({ queryKey: ["product", page.name] });
    },
  });
  const ready = who !== "" && (reason === undefined || why.trim() !== "");
  return (
    <Modal opened={opened} onClose={close} title={title} centered closeButtonProps={{ "aria-label": "close" }}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (ready) doing.mutate();
        }}
      >
        <Stack gap="sm">
          <div>{children}</div>
          <NativeSelect
            label="Who does this?"
            value={who}
            onChange={(e) => setWho(e.currentTarget.value)}
            data={page.members.map((m) => ({ value: m.name, label: `${m.title || m.name}, ${m.role}` }))}
          />
          {reason !== undefined && (
            <Textarea
              label={reason}
              description="It goes into the record, with your name."
              required
              autosize
              minRows={2}
              maxLength={2000}
              value={why}
              onChange={(e) => setWhy(e.currentTarget.value)}
              data-autofocus
            />
          )}
          {doing.isError && <Failure error={doing.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" color={danger ? "red" : "blue"} loading={doing.isPending} disabled={!ready}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

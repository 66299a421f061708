import { useEffect, useRef, useState, type ReactNode } from "react";

/** A button that opens a small panel below it; Escape, or a click elsewhere, closes it. */
export function Pop({
  name,
  opened,
  children,
}: {
  name: string;
  opened?: (open: boolean) => void;
  children: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const turn = (to: boolean) => {
    setOpen(to);
    opened?.(to);
  };
  useEffect(() => {
    if (!open) return;
    const key = (e: KeyboardEvent) => {
      if (e.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    const away = (e: PointerEvent) => {
      if (e.target instanceof Node && !box.current?.contains(e.target)) setOpen(false);
    };
    document.addEventListener("keydown", key);
    document.addEventListener("pointerdown", away);
    return () => {
      document.removeEventListener("keydown", key);
      document.removeEventListener("pointerdown", away);
    };
  }, [open]);
  return (
    <div className="pop" ref={box}>
      <button ref={button} type="button" className="plain small" aria-expanded={open} onClick={() => turn(!open)}>
        {name}
      </button>
      {open && <div className="panel stack">{children}</div>}
    </div>
  );
}

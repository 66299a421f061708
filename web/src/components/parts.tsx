import { useState, type ReactNode } from "react";
import { day, minute, short } from "../lib/format";

export type Tone = "good" | "warn" | "bad" | "accent" | "plain";

const marks: Record<Tone, string> = { good: "✓", warn: "!", bad: "✕", accent: "●", plain: "○" };

/** A state in a word, with a mark so that it does not depend on colour. */
export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`pill ${tone}`}>
      <span aria-hidden="true">{marks[tone]}</span>
      {children}
    </span>
  );
}

export function Panel({
  title,
  end,
  id,
  children,
}: {
  title: string;
  end?: ReactNode;
  id: string;
  children: ReactNode;
}) {
  return (
    <section className="panel" aria-labelledby={id}>
      <div className="row apart">
        <h2 id={id}>{title}</h2>
        {end}
      </div>
      {children}
    </section>
  );
}

/** A command of the shell with a button that copies it. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  return (
    <div className="command">
      <code>{text}</code>
      <button type="button" onClick={copy} aria-label={`copy the command ${text}`}>
        {copied ? "copied" : "copy"}
      </button>
    </div>
  );
}

/** The first digits of a digest; the whole stands in the title. */
export function Digest({ of }: { of: string }) {
  return (
    <code title={of} className="dim">
      {short(of)}
    </code>
  );
}

export function When({ at, exact = false }: { at: string | undefined; exact?: boolean }) {
  return (
    <time dateTime={at} title={at ? `${minute(at)} UTC` : undefined}>
      {exact ? minute(at) : day(at)}
    </time>
  );
}

/** Stands wherever money or sales come from generated data. */
export function SimulatedNote({ text }: { text: string }) {
  if (!text) return null;
  return (
    <span className="note">
      <span aria-hidden="true">◇</span>
      {text}
    </span>
  );
}

export function Table({
  caption,
  head,
  children,
}: {
  caption: string;
  head: (string | { num: string })[];
  children: ReactNode;
}) {
  return (
    // a wide table scrolls inside its panel, also by keyboard
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption className="hidden">{caption}</caption>
        <thead>
          <tr>
            {head.map((h) =>
              typeof h === "string" ? (
                <th key={h} scope="col">
                  {h}
                </th>
              ) : (
                <th key={h.num} scope="col" className="num">
                  {h.num}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

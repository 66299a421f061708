import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import type { ReactNode } from "react";

const places = [
  { href: "/", name: "Product" },
  { href: "/experiments", name: "Experiments" },
  { href: "/runs", name: "Runs" },
];

function here(href: string): boolean {
  const { pathname } = window.location;
  if (href === "/") return pathname === "/" || pathname.startsWith("/products");
  return pathname === href || pathname.startsWith(`${href}/`);
}

/** Top bar and main part of every page. status stands at the right end of the bar; wide lets tables use the whole window. */
export function Shell({ status, wide, children }: { status?: ReactNode; wide?: boolean; children: ReactNode }) {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <>
      <a className="skip" href="#main">
        to the content
      </a>
      <header className="top">
        <div className={wide ? "wide" : undefined}>
          <a className="brand" href="/">
            <img src="/umbrella.svg" alt="" width="22" height="22" />
            Paraplu
          </a>
          <nav aria-label="pages" className="places">
            {places.map((p) => (
              <a key={p.href} href={p.href} aria-current={here(p.href) ? "page" : undefined}>
                {p.name}
              </a>
            ))}
          </nav>
          <div className="end">
            {status}
            <button type="button" className="plain small" onClick={() => setColorScheme(other)}>
              {other === "dark" ? "Dark" : "Light"}
              <span className="hidden"> colours</span>
            </button>
          </div>
        </div>
      </header>
      <main id="main" className={wide ? "wide" : undefined}>
        {children}
      </main>
    </>
  );
}

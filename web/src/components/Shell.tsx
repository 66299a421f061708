import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import type { ReactNode } from "react";

/** Top bar and main part of every page. status stands at the right end of the bar. */
export function Shell({ status, children }: { status?: ReactNode; children: ReactNode }) {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <>
      <a className="skip" href="#main">
        to the content
      </a>
      <header className="top">
        <div>
          <a className="brand" href="/">
            <img src="/umbrella.svg" alt="" width="22" height="22" />
            Paraplu
          </a>
          <div className="end">
            {status}
            <button type="button" className="plain small" onClick={() => setColorScheme(other)}>
              {other === "dark" ? "Dark" : "Light"}
              <span className="hidden"> colours</span>
            </button>
          </div>
        </div>
      </header>
      <main id="main">{children}</main>
    </>
  );
}

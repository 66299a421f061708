import type { ProductLine } from "../../api/client";
import { Command } from "../../components/parts";
import { Shell } from "../../components/Shell";

/** The workspace has no paraplu.yaml yet: one first step, and what it will bring. */
export function Empty({ others }: { others: ProductLine[] }) {
  return (
    <Shell>
      <div className="head">
        <div>
          <h1>No product here yet</h1>
          <p className="dim">
            A product is a folder with a paraplu.yaml: what it is for, who answers for it, its data, model and money.
          </p>
        </div>
      </div>
      <div className="halves">
        <section className="panel stack" aria-labelledby="first">
          <h2 id="first">The first step</h2>
          <p>
            In the folder of your code. It needs a name and one person; everything else is asked for when it is due.
          </p>
          <Command text="paraplu init" />
          <p>Then ask for the one next step. This page opens by itself.</p>
          <Command text="paraplu next" />
        </section>
        <section className="panel stack" aria-labelledby="story">
          <h2 id="story">Or see a whole one at work</h2>
          <p>The umbrella story on real weather: from the idea to money, with an incident, in a few minutes.</p>
          <Command text="paraplu demo" />
          {others.length > 0 && (
            <>
              <h3>Stored in this database</h3>
              <ul>
                {others.map((p) => (
                  <li key={p.name}>
                    <b>{p.title || p.name}</b> <span className="dim">{p.description}</span>
                  </li>
                ))}
              </ul>
              <p className="dim">Start paraplu up in the folder of a product to open its page.</p>
            </>
          )}
        </section>
      </div>
    </Shell>
  );
}

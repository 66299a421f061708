/** The page's shape while its data is on the way, so that nothing jumps when it comes. */
export function Waiting() {
  return (
    <div aria-busy="true" aria-label="loading" style={{ display: "grid", gap: 14 }}>
      <div className="skeleton" style={{ height: 52 }} />
      <div className="answers">
        {[0, 1, 2, 3].map((i) => (
          <div key={i} className="skeleton" style={{ height: 188 }} />
        ))}
      </div>
      <div className="split">
        <div className="skeleton" style={{ height: 450 }} />
        <div className="skeleton" style={{ height: 450 }} />
      </div>
    </div>
  );
}

package quality

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// InferInput says for which file a contract is wanted.
type InferInput struct {
	Dataset  string
	Path     string // of the file
	Lies     string // path to write under servers; "" = Path
	Product  string // "" = none
	Owner    string // "" = nobody
	Timezone string // of times without an offset; "" = guessed from the change of clocks
}

// Proposal is a contract inferred from one file, for a person to review. It is a draft: it refuses nothing.
type Proposal struct {
	Dataset string      `json:"dataset"`
	Path    string      `json:"path"`
	Digest  ref.Digest  `json:"digest"`
	Rows    int64       `json:"rows"`
	Rules   []Suggested `json:"rules"`
	Text    string      `json:"contract"` // ODCS YAML
}

// Suggested is one rule and what was seen that speaks for it.
type Suggested struct {
	Column   string `json:"column,omitempty"`
	Rule     string `json:"rule"` // YAML
	Evidence string `json:"evidence"`
}

// confidence of the bounds on shares.
const confidence = 0.95

// Infer proposes a contract for a file from what the file holds. Nothing is stored and nothing is enforced.
func (r *Room) Infer(ctx context.Context, in InferInput) (*Proposal, error) {
	src, err := r.open(ctx, in.Path, "", nil, nil)
	var u *unreadableError
	if errors.As(err, &u) {
		return nil, fault.New(fault.Invalid, "%s", u.Why).At(in.Path, int(u.Line), 0)
	} else if err != nil {
		return nil, err
	}
	defer src.close()
	if src.rows == 0 {
		return nil, fault.New(fault.Precondition, "%s has no row, so there is nothing to infer from", in.Path)
	}
	g := &guesser{src: src, in: in}
	for i := range src.fields {
		c, err := g.column(ctx, &src.fields[i])
		if err != nil {
			return nil, fault.Wrap(err, "inferring column %s", src.fields[i].name)
		}
		g.columns = append(g.columns, c)
	}
	if err := g.table(ctx); err != nil {
		return nil, fault.Wrap(err, "inferring a contract for %s", in.Path)
	}
	p := &Proposal{Dataset: in.Dataset, Path: in.Path, Digest: src.digest, Rows: src.rows, Text: g.text()}
	for _, c := range g.columns {
		p.Rules = append(p.Rules, c.rules...)
	}
	p.Rules = append(p.Rules, g.rules...)
	if _, err := ParseContract("inferred", []byte(p.Text)); err != nil {
		return nil, fault.New(fault.Internal, "the inferred contract is not valid: %w", err)
	}
	return p, nil
}

// guesser collects what is proposed for one file.
type guesser struct {
	src     *source
	in      InferInput
	columns []*guess
	rules   []Suggested // of the table
	key     *guess      // the primary key, once it is found
}

// guess is what is proposed for one column: keys of the property first, then rules of its quality list.
type guess struct {
	f        *field
	facts    columnFacts
	step     time.Duration // of a time key, 0 if it is none
	rules    []Suggested
	keys     int // the first so many rules are keys of the property, the rest belongs to quality
	prefixes []string
}

// columnFacts is what was measured.
type columnFacts struct {
	filled, nulls, distinct int64
	low, high               any
	top                     []TopValue
	coded                   []string // values that stand for "missing"
}

func (g *guesser) query(ctx context.Context, sql string) (*Result, error) {
	return g.src.session.Query(ctx, sql)
}

func (c *guess) property(rule, evidence string, args ...any) {
	c.rules = append(c.rules, Suggested{c.f.name, rule, fmt.Sprintf(evidence, args...)})
	c.keys = len(c.rules)
}

func (c *guess) quality(rule, evidence string, args ...any) {
	c.rules = append(c.rules, Suggested{c.f.name, rule, fmt.Sprintf(evidence, args...)})
}

// column finds type, emptiness, values and keys of one column.
func (g *guesser) column(ctx context.Context, f *field) (*guess, error) {
	c := &guess{f: f}
	for _, step := range []func(context.Context, *guess) error{g.kind, g.spikes, g.measure, g.empty, g.bounds, g.words} {
		if err := step(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// measure reads the numbers on which the proposals rest.
func (g *guesser) measure(ctx context.Context, c *guess) error {
	v := c.f.typed
	finite := c.f.finite()
	res, err := g.query(ctx, "SELECT count("+v+"), count(*) - count("+v+"), count(DISTINCT "+v+"), min("+finite+"), max("+finite+") FROM "+dataView)
	if err != nil {
		return err
	}
	row := res.Rows[0]
	c.facts.filled, c.facts.nulls, c.facts.distinct, c.facts.low, c.facts.high = toInt(row[0]), toInt(row[1]), toInt(row[2]), row[3], row[4]
	if c.facts.distinct > maxCategories {
		return nil
	}
	res, err = g.query(ctx, "SELECT "+v+", count(*) FROM "+dataView+" WHERE "+v+" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1")
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		c.facts.top = append(c.facts.top, TopValue{show(row[0]), toInt(row[1])})
	}
	return nil
}

// text writes the proposal as a contract, each rule below its evidence.
func (g *guesser) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := first(g.in.Dataset, "data")
	line("# Inferred from %s (%s). Every rule stands below what speaks for it.", baseName(g.in.Path), plural(g.src.rows, "row"))
	line("# A person has to review it: what one file shows is not what the source promises. While status is draft, it refuses nothing.")
	line("apiVersion: v3.1.0\nkind: DataContract\nid: %s\nversion: 0.1.0\nstatus: draft", slug(strings.Trim(g.in.Product+"-"+name, "-")))
	line("servers: [{server: workspace, type: local, path: %s, format: %s%s}]", scalar(first(g.in.Lies, g.in.Path)), g.src.format, g.delimiter())
	if g.in.Owner != "" {
		line("team: {members: [{username: %s, role: owner}]}", scalar(g.in.Owner))
	}
	line("schema:\n  - name: %s\n    properties:", scalar(name))
	for _, c := range g.columns {
		line("      - name: %s", scalar(c.f.name))
		for i, s := range c.rules {
			pad := "        "
			if i >= c.keys {
				if i == c.keys {
					line("        quality:")
				}
				pad = "          "
			}
			writeRule(line, pad, s)
		}
	}
	line("    quality:")
	for _, s := range g.rules {
		writeRule(line, "      ", s)
	}
	return b.String()
}

func writeRule(line func(string, ...any), pad string, s Suggested) {
	line("%s# %s", pad, strings.Join(strings.Fields(s.Evidence), " "))
	line("%s%s", pad, s.Rule)
}

func (g *guesser) delimiter() string {
	if g.src.layout == nil || g.src.layout.Delimiter == ',' || g.src.layout.Delimiter == 0 {
		return ""
	}
	return fmt.Sprintf(", delimiter: %q", string(g.src.layout.Delimiter))
}

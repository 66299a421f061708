package tracking

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// MaxCompared bounds the runs of one comparison.
const MaxCompared = 50

// Comparison is runs side by side.
type Comparison struct {
	Runs []Run
	Rows []Compared // params, metrics, code, datasets; each by name
}

// Compared is one thing that at least one of the runs has.
type Compared struct {
	Kind    string // param, metric, code, dataset
	Name    string
	Cells   []Cell // one for each run; numbers of metrics, texts of all others
	Differs bool   // between any two runs, also when one has it and one has not
}

// codeTags say which code a run ran.
var codeTags = []string{"mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.repoURL",
	"mlflow.project.entryPoint", "mlflow.docker.image.name"}

// Compare puts runs side by side: their params, latest metrics, the versions of their code and datasets.
func (r *Room) Compare(ctx context.Context, ids []string) (c Comparison, err error) {
	if len(ids) < 2 || len(ids) > MaxCompared {
		return c, fault.New(fault.Invalid, "a comparison is of 2 to %d runs, not %d", MaxCompared, len(ids))
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		c = Comparison{}
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				return fault.New(fault.Invalid, "run %s is named twice", id)
			}
			run, err := runInfo(tx, id)
			if err != nil {
				return err
			}
			c.Runs = append(c.Runs, run)
		}
		return loadLogged(tx, c.Runs)
	})
	c.Rows = sideBySide(c.Runs)
	return c, err
}

func sideBySide(runs []Run) []Compared {
	type name struct{ kind, name string }
	rows := map[name]*Compared{}
	put := func(run int, kind, key string, cell Cell) {
		row := rows[name{kind, key}]
		if row == nil {
			row = &Compared{Kind: kind, Name: key, Cells: make([]Cell, len(runs))}
			rows[name{kind, key}] = row
		}
		if was := row.Cells[run]; was.Set && kind == "dataset" { // several versions of one dataset
			cell.Text = was.Text + ", " + cell.Text
		}
		cell.Set = true
		row.Cells[run] = cell
	}
	for i, run := range runs {
		for _, p := range run.Params {
			put(i, "param", p.Key, Cell{Text: p.Value})
		}
		for _, m := range run.Metrics {
			put(i, "metric", m.Key, Cell{Number: m.Value})
		}
		for _, t := range run.Tags {
			if slices.Contains(codeTags, t.Key) {
				put(i, "code", strings.TrimPrefix(t.Key, "mlflow."), Cell{Text: t.Value})
			}
		}
		for _, d := range run.Datasets {
			put(i, "dataset", d.Dataset.Name, Cell{Text: d.Dataset.Digest})
		}
	}
	out := make([]Compared, 0, len(rows))
	for _, row := range rows {
		row.Differs = slices.ContainsFunc(row.Cells[1:], func(c Cell) bool { return !c.same(row.Cells[0]) })
		out = append(out, *row)
	}
	rank := map[string]int{"param": 0, "metric": 1, "code": 2, "dataset": 3}
	slices.SortFunc(out, func(a, b Compared) int { return cmp.Or(rank[a.Kind]-rank[b.Kind], cmp.Compare(a.Name, b.Name)) })
	return out
}

// same takes NaN for equal to NaN.
func (c Cell) same(o Cell) bool {
	return c.Set == o.Set && c.Text == o.Text && cmp.Compare(c.Number, o.Number) == 0
}

package mlflow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db/dbtest"
)

// pair is a real MLflow and ours, which get the same requests. Ids differ, so that $name stands for one of each.
type pair struct {
	t    *testing.T
	r    *rand.Rand
	side [2]*client
	vars [2]map[string]string
}

// both sends a request to both sides and gives their answers; save names the id at a path of the answer.
func (p *pair) both(method, path, body string, save ...string) (out [2]string) {
	p.t.Helper()
	for i, c := range p.side {
		var fill []string
		for name, id := range p.vars[i] {
			fill = append(fill, "$"+name+"$", id)
		}
		own := strings.NewReplacer(fill...)
		status, answer := c.do(method, "/api/2.0/mlflow/"+own.Replace(path), own.Replace(body))
		if len(save) == 2 {
			if status != 200 {
				p.t.Fatalf("%s %s: %d %s", path, body, status, answer)
			}
			p.vars[i][save[0]] = dig(answer, save[1])
		}
		out[i] = fmt.Sprintf("%d %s", status, answer)
	}
	return out
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

var (
	metricKeys = []string{"m", "M", "a/b", "val loss"}
	textKeys   = []string{"p", "P", "x.y", "k:k"}
	texts      = []string{"1", "2", "a", "A", "abc", "Abc", "a_c", "a%c", "ünï", "", "[x]", "*", "0.1"}
)

// searchBoth fills two servers with the same random runs and logged models, and wants the same answers to random searches.
func searchBoth(t *testing.T, peer string) {
	p := &pair{t: t, r: rand.New(rand.NewPCG(3, 18)), vars: [2]map[string]string{{}, {}}}
	p.side = [2]*client{{t: t, url: peer}, serve(t, dbtest.SQLite(t, sources...), time.Now)}
	p.both("POST", "experiments/create", fmt.Sprintf(`{"name": "random-%d"}`, time.Now().UnixNano()), "exp", "experiment_id")
	for i := range 20 {
		p.addRun(i)
	}
	for i := range 8 {
		p.addModel(i)
	}
	for range 120 {
		p.same("runs/search", fmt.Sprintf(`{"experiment_ids": ["$exp$"], "filter": %s, "order_by": [%s"tags.i"], "max_results": %d, "run_view_type": %d}`,
			quoted(p.clauses(p.runClause)), p.runOrder(), pick(p.r, 3, 50), 1+p.r.IntN(3)))
	}
	for range 60 {
		p.same("logged-models/search", fmt.Sprintf(`{"experiment_ids": ["$exp$"], "filter": %s, "order_by": [%s{"field_name": "creation_timestamp"}], "max_results": %d%s}`,
			quoted(p.clauses(p.modelClause)), p.modelOrder(), pick(p.r, 3, 50), pick(p.r, "", "", `, "datasets": [`+p.dataset()+`]`)))
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// same wants the same items in the same order, or the same mistake.
func (p *pair) same(path, body string) {
	p.t.Helper()
	got := p.both("POST", path, body)
	if theirs, ours := items(got[0]), items(got[1]); theirs != ours {
		p.t.Errorf("%s %s\nMLflow %s\n  ours %s", path, body, theirs, ours)
	}
}

// items gives the status of an answer and the tag i of what was found.
func items(answer string) string {
	status, text, _ := strings.Cut(answer, " ")
	type tags []struct{ Key, Value string }
	var page struct {
		Runs   []struct{ Data struct{ Tags tags } }
		Models []struct{ Info struct{ Tags tags } }
		Next   string `json:"next_page_token"`
		Code   string `json:"error_code"`
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		return answer
	}
	out := []string{status, page.Code}
	number := func(list tags) {
		i := slices.IndexFunc(list, func(t struct{ Key, Value string }) bool { return t.Key == "i" })
		out = append(out, list[i].Value)
	}
	for _, r := range page.Runs {
		number(r.Data.Tags)
	}
	for _, m := range page.Models {
		number(m.Info.Tags)
	}
	if page.Next != "" {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}

func (p *pair) addRun(i int) {
	r := p.r
	run := fmt.Sprintf("run%d", i)
	p.both("POST", "runs/create", fmt.Sprintf(`{"experiment_id": "$exp$", "start_time": %d, "run_name": %s, "tags": [{"key": "i", "value": "%02d"}]}`,
		pick(r, 0, 1, 1, 5, 1700000000000), quoted(pick(r, "run", "Run", "rain", "x_y")+pick(r, "", fmt.Sprint(i))), i), run, "run.info.run_id")
	var metrics, params, tags []string
	for range r.IntN(9) {
		metrics = append(metrics, fmt.Sprintf(`{"key": %s, "value": %s, "timestamp": %d, "step": %d}`, quoted(pick(r, metricKeys...)), p.value(), r.IntN(4), r.IntN(5)-1))
	}
	for _, k := range r.Perm(len(textKeys))[:r.IntN(4)] {
		params = append(params, fmt.Sprintf(`{"key": %s, "value": %s}`, quoted(textKeys[k]), quoted(pick(r, texts...))))
		tags = append(tags, fmt.Sprintf(`{"key": %s, "value": %s}`, quoted(pick(r, textKeys...)), quoted(pick(r, texts...))))
	}
	p.both("POST", "runs/log-batch", fmt.Sprintf(`{"run_id": "$%s$", "metrics": [%s], "params": [%s], "tags": [%s]}`,
		run, strings.Join(metrics, ", "), strings.Join(params, ", "), strings.Join(tags, ", ")))
	if r.IntN(2) == 0 {
		p.both("POST", "runs/update", fmt.Sprintf(`{"run_id": "$%s$", "status": %d, "end_time": %d}`, run, 1+r.IntN(5), 1+r.IntN(3)))
	}
	if r.IntN(3) == 0 {
		p.both("POST", "runs/log-inputs", fmt.Sprintf(`{"run_id": "$%s$", "datasets": [{"dataset": {"name": %q, "digest": "1", "source_type": "s", "source": "s"}, "tags": [{"key": "mlflow.data.context", "value": %q}]}]}`,
			run, pick(r, "d", "D", "e"), pick(r, "train", "Test")))
	}
	if r.IntN(6) == 0 {
		p.both("POST", "runs/delete", fmt.Sprintf(`{"run_id": "$%s$"}`, run))
	}
}

func (p *pair) value() string {
	return pick(p.r, "0", "1", "-1", "0.5", "0.001", "1e6", "2", "2", `"NaN"`, `"Infinity"`, `"-Infinity"`)
}

func (p *pair) addModel(i int) {
	r := p.r
	model := fmt.Sprintf("model%d", i)
	p.both("POST", "logged-models", fmt.Sprintf(`{"experiment_id": "$exp$", "name": %q, "params": [{"key": "p", "value": %s}], "tags": [{"key": "i", "value": "%02d"}, {"key": "P", "value": %s}]}`,
		pick(r, "mod", "Mod", "big"), quoted(pick(r, texts...)), i, quoted(pick(r, texts...))), model, "model.info.model_id")
	for n := range r.IntN(5) { // each at a time of its own: MLflow refuses two at one
		p.both("POST", "runs/log-metric", fmt.Sprintf(`{"run_id": "$run%d$", "key": "m", "value": %d, "timestamp": %d, "step": %d, "model_id": "$%s$"%s}`,
			r.IntN(20), r.IntN(5)-1, 10*n+r.IntN(9), r.IntN(4), model, pick(r, "", ", "+strings.Trim(p.dataset(), "{}"))))
	}
	p.both("PATCH", "logged-models/$"+model+"$", fmt.Sprintf(`{"model_id": "$%s$", "status": %d}`, model, 1+r.IntN(3)))
}

func (p *pair) dataset() string {
	return fmt.Sprintf(`{"dataset_name": %q, "dataset_digest": "1"}`, pick(p.r, "d", "e"))
}

func (p *pair) clauses(one func() string) string {
	var list []string
	for range p.r.IntN(4) {
		list = append(list, one())
	}
	return strings.Join(list, " AND ")
}

func (p *pair) runClause() string {
	r := p.r
	text := pick(r, "=", "!=", "LIKE", "ILIKE") + " '" + pick(r, append(texts, "%", "_", "a%", "%C", "A_c", "%%", "run%", "RUN_", "%ü%")...) + "'"
	number := pick(r, "=", "!=", ">", ">=", "<", "<=") + " " + pick(r, "0", "1", "-1", "0.5", "2", "1e6", "1700000000000")
	switch r.IntN(8) {
	case 0, 1:
		return "metrics.`" + pick(r, metricKeys...) + "` " + number
	case 2:
		return "params.`" + pick(r, textKeys...) + "` " + text
	case 3:
		return "tags.\"" + pick(r, textKeys...) + "\" " + text
	case 4:
		return pick(r, "params.`", "tags.`") + pick(r, textKeys...) + "` IS " + pick(r, "NULL", "NOT NULL")
	case 5:
		return pick(r, "attributes.run_name ", "run_name ") + text
	case 6:
		return pick(r, "start_time ", "end_time ", "created ") + pick(r, ">= 1", "< 5", "= 1", "!= 1", "> 2")
	}
	return pick(r, "dataset.name = 'd'", "dataset.context LIKE 't%'", "dataset.name ILIKE 'd'", "status = 'FINISHED'", "status LIKE '%ED'", "status != 'RUNNING'",
		"datasets.name IN ('d', 'e')")
}

func (p *pair) runOrder() string {
	r := p.r
	by := pick(r, "", "metrics.`"+pick(r, metricKeys...)+"`", "params.`"+pick(r, textKeys...)+"`", "tags.`"+pick(r, textKeys...)+"`", "start_time", "attributes.end_time", "status", "run_name")
	if by == "" {
		return ""
	}
	return quoted(by+pick(r, "", " ASC", " DESC", " desc")) + ", "
}

func (p *pair) modelClause() string {
	r := p.r
	switch r.IntN(4) {
	case 0, 1:
		return "metrics.m " + pick(r, "=", "!=", ">", "<=") + " " + pick(r, "0", "1", "2.5")
	case 2:
		return pick(r, "params.p ", "tags.P ", "name ") + pick(r, "=", "!=", "LIKE", "ILIKE") + " '" + pick(r, append(texts, "%", "a%", "mod", "M%")...) + "'"
	}
	return pick(r, "status = 'READY'", "status != 'READY'", "status IN ('READY', 'PENDING')", "name NOT IN ('mod')")
}

func (p *pair) modelOrder() string {
	r := p.r
	up := fmt.Sprintf(`"ascending": %t`, r.IntN(2) == 0)
	return pick(r, "", `{"field_name": "name", `+up+`}, `, `{"field_name": "metrics.m", `+up+`}, `,
		`{"field_name": "metrics.m", `+up+`, `+strings.Trim(p.dataset(), "{}")+`}, `)
}

package quality

import (
	"context"
	"fmt"
	"strings"
)

// shortcutRows is from how many rows on another way than the shared scan is worth a query of its own; below 0 none is. Tests change it.
var shortcutRows int64 = 200_000

// known are aggregates whose value was found in a cheaper way than by the shared scan: SQL → value. The value is always the
// one that the scan would give.
type known map[string]any

// shortcuts looks for cheaper ways: what the footers of a Parquet file prove, rules over few different values, whole numbers
// that are counted in a bitmap, and quantiles without a sort. A way that fails is left to the scan, which says why.
func (x *run) shortcuts(ctx context.Context, rules []*rule) known {
	if shortcutRows < 0 {
		return nil
	}
	k := known{"count(*)": x.src.rows}
	footers := x.src.footers(ctx)
	for i := range x.src.fields {
		if f := &x.src.fields[i]; footers[f.name].nulls >= 0 && footers[f.name].known {
			k["count_if("+f.raw+" IS NULL)"] = footers[f.name].nulls
			if !f.cast {
				k["count_if("+f.typed+" IS NOT NULL)"] = x.src.rows - footers[f.name].nulls
			}
		}
	}
	for _, r := range rules {
		if r.field != nil && footers[r.field.name].known && x.proven(ctx, r, footers[r.field.name]) {
			k["count_if("+r.bad+")"] = int64(0)
		}
	}
	if x.src.rows < shortcutRows {
		return k
	}
	for i := range x.src.fields {
		if f := &x.src.fields[i]; footers[f.name].few && f.physical == "VARCHAR" && !f.cast {
			x.byValue(ctx, k, f, rules)
		}
	}
	for _, r := range rules {
		for _, s := range r.selects() {
			if _, done := k[s]; !done {
				x.cheaper(ctx, k, r, s)
			}
		}
	}
	return k
}

// proven tells whether smallest and largest value of a column without NaN keep a rule about an interval: then all do.
func (x *run) proven(ctx context.Context, r *rule, f footer) bool {
	if r.Rule != "range" && r.Rule != "between" || r.where != "" || r.user || r.field.cast || len(f.bounds) == 0 {
		return false
	}
	res, err := x.query(ctx, fmt.Sprintf("SELECT count_if(%s), count(%s) FROM (SELECT CAST(unnest([%s]) AS %s) AS %[2]s)",
		r.bad, r.field.typed, strings.Join(f.bounds, ", "), r.field.kind))
	return err == nil && toInt(res.Rows[0][0]) == 0 && toInt(res.Rows[0][1]) == int64(len(f.bounds))
}

// byValue counts each different value of a column once and judges the values instead of the rows.
func (x *run) byValue(ctx context.Context, k known, f *field, rules []*rule) {
	var asked, selects []string
	for _, r := range rules {
		if r.field != f || r.where != "" || r.user {
			continue
		}
		for _, s := range r.selects() {
			if _, done := k[s]; done {
				continue
			}
			if arg, ok := call(s, "count_if"); ok {
				asked, selects = append(asked, s), append(selects, "CAST(coalesce(sum(CASE WHEN "+arg+" THEN __p_n END), 0) AS BIGINT)")
			} else if _, ok := call(s, "count"); ok && strings.HasPrefix(s, "count(DISTINCT ") {
				asked, selects = append(asked, s), append(selects, s)
			}
		}
	}
	if len(asked) < 2 {
		return
	}
	res, err := x.query(ctx, fmt.Sprintf("SELECT %[1]s FROM (SELECT %[2]s, %[2]s AS %[3]s, __p_n FROM (SELECT %[2]s, count(*) AS __p_n FROM %[4]s GROUP BY 1))",
		strings.Join(selects, ", "), f.raw, f.typed, dataView))
	if err != nil {
		return
	}
	for i, s := range asked {
		k[s] = res.Rows[0][i]
	}
}

// cheaper finds one aggregate of a rule in another way, if there is one.
func (x *run) cheaper(ctx context.Context, k known, r *rule, s string) {
	if arg, ok := call(s, "count"); ok {
		if key, distinct := strings.CutPrefix(arg, "DISTINCT "); distinct {
			if n, ok := x.countBits(ctx, key); ok {
				k[s] = n
			}
		}
		return
	}
	value, point := "", 0.5
	if arg, ok := call(s, "median"); ok {
		value = arg
	} else if arg, ok := call(s, "quantile_cont"); ok {
		at := strings.LastIndex(arg, ", ")
		if _, err := fmt.Sscan(arg[at+2:], &point); err != nil {
			return
		}
		value = arg[:at]
	}
	if value == "" || r.user || r.field == nil || !r.field.numeric() {
		return
	}
	if q, err := quantiles(ctx, x.query, dataView, everyStride, value, r.field.kind, []float64{point}); err == nil && q != nil {
		k[s] = q[0]
	}
}

// mostBits bounds the bitmap of a uniqueness check; each thread has one (64 MiB).
const mostBits = 1 << 29

// countBits counts different whole numbers, or moments in whole seconds, that lie close together: one bit for each.
func (x *run) countBits(ctx context.Context, key string) (n int64, ok bool) {
	var f *field
	for i := range x.src.fields {
		if x.src.fields[i].typed == key && !x.src.fields[i].cast {
			f = &x.src.fields[i]
		}
	}
	if f == nil || f.kind != "BIGINT" && f.kind != "TIMESTAMP" {
		return 0, false
	}
	whole := key
	if f.kind == "TIMESTAMP" {
		res, err := x.query(ctx, "SELECT count_if(epoch_us("+key+") % 1000000 <> 0) FROM "+dataView)
		if err != nil || toInt(res.Rows[0][0]) > 0 {
			return 0, false
		}
		whole = "epoch_us(" + key + ") // 1000000"
	}
	res, err := x.query(ctx, "SELECT min("+whole+"), max("+whole+") FROM "+dataView)
	if err != nil || res.Rows[0][0] == nil {
		return 0, false
	}
	low, isInt := res.Rows[0][0].(int64)
	high, isInt2 := res.Rows[0][1].(int64)
	if span := uint64(high) - uint64(low); !isInt || !isInt2 || span >= mostBits || span > 64*uint64(x.src.rows)+1<<20 {
		return 0, false
	}
	res, err = x.query(ctx, fmt.Sprintf("SELECT bit_count(bitstring_agg(%s, %d, %d)) FROM %s", whole, low, high, dataView))
	if err != nil {
		return 0, false
	}
	return toInt(res.Rows[0][0]), true
}

// call gives the argument when s is exactly one call of a function.
func call(s, name string) (arg string, ok bool) {
	rest, ok := strings.CutPrefix(s, name+"(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return "", false
	}
	arg = rest[:len(rest)-1]
	depth := 0
	for i := 0; i < len(arg); i++ {
		switch arg[i] {
		case '\'', '"':
			end := closing(arg, i)
			if end < 0 {
				return "", false
			}
			i = end
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return "", false
			}
		}
	}
	return arg, depth == 0
}

package quality

import (
	"context"
	"time"
)

// footer is what the footers of a Parquet file say of a column.
type footer struct {
	known  bool
	nulls  int64
	bounds []string // literals of the smallest and largest value of each row group; nil when one is not said or not exact
	few    bool     // every row group holds few different values, all in a dictionary
}

// mostGroups bounds the row groups whose bounds are looked at.
const mostGroups = 2000

// dictionary is how many bytes a dictionary has at most when it holds few values.
const dictionary = 16 << 10

// exactStats are types whose smallest and largest value in a footer are exact and leave nothing out: numbers with NaN do.
var exactStats = map[string]bool{"TINYINT": true, "SMALLINT": true, "INTEGER": true, "BIGINT": true, "UTINYINT": true, "USMALLINT": true, "UINTEGER": true,
	"DATE": true, "TIMESTAMP": true}

// footers reads the statistics of a Parquet file; a column without complete ones is not in it.
func (s *source) footers(ctx context.Context) map[string]footer {
	out := map[string]footer{}
	if s.parquet == "" {
		return out
	}
	kinds := map[string]string{}
	for _, f := range s.fields {
		kinds[f.name] = f.physical
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	res, err := s.session.Query(ctx, `SELECT path_in_schema, stats_null_count, stats_min_value, stats_max_value, num_values, dictionary_page_offset IS NOT NULL AND
		data_page_offset - dictionary_page_offset BETWEEN 1 AND `+count10(dictionary)+` FROM parquet_metadata(`+literal(s.parquet)+`)`)
	if err != nil {
		return out
	}
	columns := map[string][][]any{}
	for _, row := range res.Rows {
		name, _ := row[0].(string)
		columns[name] = append(columns[name], row[1:])
	}
	for name, groups := range columns {
		if kind, flat := kinds[name]; flat {
			if f := gather(groups, exactStats[kind]); f.known {
				out[name] = f
			}
		}
	}
	return out
}

// gather joins the row groups of a column; not known is a column of which one says too little.
func gather(groups [][]any, exact bool) footer {
	f := footer{known: true, few: true}
	exact = exact && len(groups) <= mostGroups
	for _, g := range groups {
		nulls, ok := g[0].(int64)
		if !ok {
			return footer{}
		}
		f.nulls += nulls
		few, _ := g[4].(bool)
		f.few = f.few && few
		low, hasLow := g[1].(string)
		high, hasHigh := g[2].(string)
		switch values, _ := g[3].(int64); {
		case values == nulls: // nothing to compare
		case !exact || !hasLow || !hasHigh:
			exact = false
		default:
			f.bounds = append(f.bounds, literal(low), literal(high))
		}
	}
	if !exact {
		f.bounds = nil
	}
	return f
}

package registry

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

// query is a parsed search.
type query struct {
	clauses []filter.Clause // attributes and tags, entity "" or "tag"; without the prompt clause
	prompts bool            // only prompts; otherwise they are hidden
	order   []filter.Order
	after   *cursor // nil on the first page
	max     int
}

type fields struct {
	attrs   map[string]bool // attribute → is a number
	orders  []string
	aliases map[string]string // other names of orders
	natural []filter.Order
}

var modelFields = fields{
	attrs:   map[string]bool{"name": false},
	orders:  []string{"name", "creation_timestamp", "last_updated_timestamp"},
	aliases: map[string]string{"timestamp": "last_updated_timestamp"},
}

var versionFields = fields{
	attrs:   map[string]bool{"name": false, "run_id": false, "source_path": false, "version_number": true},
	orders:  []string{"name", "version_number", "creation_timestamp", "last_updated_timestamp"},
	natural: []filter.Order{{Key: "last_updated_timestamp", Desc: true}},
}

func parseSearch(s Search, f fields, def, limit int) (query, error) {
	q := query{max: s.MaxResults, order: f.natural}
	switch {
	case q.max == 0:
		q.max = def
	case q.max < 0:
		return q, fault.New(fault.Invalid, "Invalid value for max_results. It must be a positive integer, but got %d", q.max)
	case q.max > limit:
		return q, fault.New(fault.Invalid, "Invalid value for request parameter max_results. It must be at most %d, but got value %d", limit, q.max)
	}
	clauses, err := filter.Parse(s.Filter)
	if err != nil {
		return q, fault.New(fault.Invalid, "Invalid clause(s) in filter string: %w", err)
	}
	for _, c := range clauses {
		if err := q.add(c, f); err != nil {
			return q, err
		}
	}
	if q.after, err = readToken(s.PageToken); err != nil {
		return q, err
	}
	return q, q.addOrders(s.OrderBy, f)
}

// add checks a clause against the known fields.
func (q *query) add(c filter.Clause, f fields) error {
	switch strings.ToLower(c.Entity) {
	case "tag", "tags":
		c.Entity = "tag"
		if c.Value.IsNumber {
			return fault.New(fault.Invalid, "Expected a quoted string value for tag (e.g. 'my-value'). Got value %s", c.Value.Text)
		}
		if !textOp(c.Op) {
			return fault.New(fault.Invalid, "Invalid comparator for tag: %s", c.Op)
		}
		if c.Key == promptTag {
			isTrue := strings.EqualFold(c.Value.Text, "true")
			q.prompts = c.Op == filter.Eq && isTrue || c.Op == filter.Ne && strings.EqualFold(c.Value.Text, "false")
			return nil
		}
	case "", "attribute", "attributes":
		c.Entity = ""
		number, known := f.attrs[c.Key]
		switch {
		case !known:
			return fault.New(fault.Invalid, "Invalid attribute key '%s' specified. Valid keys are '%s'", c.Key, quoted(sortedKeys(f.attrs)))
		case number:
			if n, err := strconv.ParseInt(c.Value.Text, 10, 64); err == nil && !c.Value.IsNumber { // MLflow takes '1' for 1
				c.Value = filter.Value{IsNumber: true, Text: c.Value.Text, Number: float64(n)}
			}
			if !c.Value.IsNumber {
				return fault.New(fault.Invalid, "Expected numeric value type for attribute: %s. Got value %s", c.Key, c.Value)
			}
		case c.Value.IsNumber:
			return fault.New(fault.Invalid, "Expected a quoted string value or a list of quoted string values for attributes. Got value %s", c.Value.Text)
		case !textOp(c.Op) && c.Op != filter.In:
			return fault.New(fault.Invalid, "Invalid comparator for attribute: %s", c.Op)
		}
	default:
		return fault.New(fault.Invalid, "Invalid entity type '%s'. Valid entity types are ('attribute', 'tag', 'tags')", c.Entity)
	}
	q.clauses = append(q.clauses, c)
	return nil
}

// quoted prints a set of names as MLflow does.
func quoted(names []string) string { return "{'" + strings.Join(names, "', '") + "'}" }

func textOp(op filter.Op) bool {
	return op == filter.Eq || op == filter.Ne || op == filter.LikeOp || op == filter.ILikeOp
}

func (q *query) addOrders(terms []string, f fields) error {
	var orders []filter.Order
	for _, term := range terms {
		o, err := filter.ParseOrder(term)
		if err != nil {
			return fault.New(fault.Invalid, "Invalid order_by clause '%s': %w", term, err)
		}
		if other, ok := f.aliases[o.Key]; ok {
			o.Key = other
		}
		if e := strings.ToLower(o.Entity); e != "" && e != "attribute" && e != "attributes" || !slices.Contains(f.orders, o.Key) {
			return fault.New(fault.Invalid, "Invalid order by key '%s' specified. Valid keys are '%s'", strings.TrimSuffix(o.String(), " ASC"), quoted(f.orders))
		}
		if slices.ContainsFunc(orders, func(p filter.Order) bool { return p.Key == o.Key }) {
			return fault.New(fault.Invalid, "`order_by` contains duplicate fields: [%s]", strings.Join(terms, ", "))
		}
		orders = append(orders, o)
	}
	if len(orders) > 0 {
		q.order = orders
	}
	return nil
}

// pushDown gives SQL for the clauses "attribute = text", in pairs of attribute and column; all are checked again by match.
func (q query) pushDown(pairs ...string) (where string, args []any) {
	where = "1 = 1"
	for _, c := range q.clauses {
		for i := 0; i < len(pairs); i += 2 {
			if c.Entity == "" && c.Key == pairs[i] && c.Op == filter.Eq {
				where, args = where+" AND "+pairs[i+1]+" = ?", append(args, c.Value.Text)
			}
		}
	}
	return where, args
}

func (q query) compare(by func(field string) int, tie int) int {
	for _, o := range q.order {
		if c := by(o.Key); c != 0 {
			if o.Desc {
				return -c
			}
			return c
		}
	}
	return tie
}

type tagKey struct {
	id     string
	number int
}

// loadTags reads the values of the tags that the query needs: tag → owner → value.
func (q query) loadTags(tx *db.Tx, sqlText string) (map[string]map[tagKey]string, error) {
	out := map[string]map[tagKey]string{promptTag: {}}
	for _, c := range q.clauses {
		if c.Entity == "tag" {
			out[c.Key] = map[tagKey]string{}
		}
	}
	for tag, values := range out {
		if err := tx.Each(func(rows *sql.Rows) error {
			var k tagKey
			var v string
			err := rows.Scan(&k.id, &k.number, &v)
			values[k] = v
			return err
		}, sqlText, tag); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (q query) match(tags map[string]map[tagKey]string, k tagKey, attr func(filter.Clause) bool) bool {
	if (tags[promptTag][k] == "true") != q.prompts {
		return false
	}
	for _, c := range q.clauses {
		if c.Entity == "" {
			if !attr(c) {
				return false
			}
		} else if v, ok := tags[c.Key][k]; !ok || !compareText(c, v) {
			return false
		}
	}
	return true
}

// cursor is where a page ended: what the order of a search may look at. The next page begins behind it, also when rows before
// it came or went meanwhile.
type cursor struct {
	Name    string `json:"name"`
	Number  int    `json:"number,omitempty"` // of a version
	Created int64  `json:"created"`
	Updated int64  `json:"updated"`
}

// page gives the first q.max of the sorted rows behind the cursor, and the token of the next page.
func page[T any](q query, all []T, compare func(a, b T) int, at func(T) cursor, from func(cursor) T) ([]T, string) {
	if q.after != nil {
		last := from(*q.after)
		all = all[sort.Search(len(all), func(i int) bool { return compare(all[i], last) > 0 }):]
	}
	if len(all) <= q.max {
		return all, ""
	}
	b, _ := json.Marshal(at(all[q.max-1])) // texts and numbers always marshal
	return all[:q.max], base64.StdEncoding.EncodeToString(b)
}

func readToken(token string) (c *cursor, err error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, fault.New(fault.Invalid, "Invalid page token, could not base64-decode")
	}
	if json.Unmarshal(raw, &c) != nil || c == nil || c.Name == "" {
		return nil, fault.New(fault.Invalid, "Invalid page token, decoded value=%q", raw)
	}
	return c, nil
}

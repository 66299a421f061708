package event

import (
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of the facts.
func Migrations() db.Source { return db.Source{Room: "event", FS: migrations} }

// Fact is one thing that happened.
type Fact struct {
	Seq     int64     // 1, 2, 3 … without gaps; set by Append
	Time    time.Time // when it was decided, UTC; zero = now
	Actor   string    // member or "system"
	Source  string    // cli, api, ui, job, mlflow, demo
	Product string
	Verb    string // one of the verbs of this package
	Kind    string // of the object: dataset, run, package, …; empty = the part of the verb before the dot
	Object  string // name or id of what it is about
	Digest  string // of its content, if it has one
	Reason  string // a person's words
	Key     string // idempotency: at most one fact per key; "" = none
	Inputs  []string
	Outputs []string // lineage: "dataset:weather@sha256:…", "run:…", "package:sha256:…"
	Data    any      // JSON; on reading a json.RawMessage
}

// Append writes facts inside the transaction of the change. Facts whose Key exists already are dropped.
func Append(tx *db.Tx, facts ...Fact) error {
	for _, f := range facts {
		if err := appendOne(tx, f); err != nil {
			return fault.Wrap(err, "recording the fact %s %s", f.Verb, f.Object)
		}
	}
	return nil
}

func appendOne(tx *db.Tx, f Fact) error {
	if f.Verb == "" || f.Actor == "" {
		return fmt.Errorf("a fact needs a verb and an actor: %+v", f)
	}
	if f.Kind == "" {
		f.Kind, _, _ = strings.Cut(f.Verb, ".")
	}
	if f.Time.IsZero() {
		f.Time = time.Now()
	}
	var once any
	if f.Key != "" {
		once = f.Key
		var one int
		if found, err := db.Found(tx.QueryRow(`SELECT 1 FROM fact WHERE once = ?`, f.Key).Scan(&one)); err != nil || found {
			return err
		}
	}
	data, err := json.Marshal(f.Data)
	if err != nil {
		return err
	}
	inputs, outputs := list(f.Inputs), list(f.Outputs)
	_, err = tx.Exec(`INSERT INTO fact (seq, time_ms, actor, source, product, verb, kind, object, digest, reason, once, inputs, outputs, data)
		SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM fact`,
		db.Millis(f.Time), f.Actor, f.Source, f.Product, f.Verb, f.Kind, f.Object, f.Digest, f.Reason, once, inputs, outputs, string(data))
	return err
}

func list(s []string) string {
	if len(s) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(s) // strings always marshal
	return string(b)
}

// Filter selects facts; empty fields do not restrict.
type Filter struct {
	Product string
	Verbs   []string
	Object  string
	After   int64 // seq greater than this
	Newest  bool  // newest first
	Limit   int   // 0 = all
}

// List reads facts in order of seq.
func List(tx *db.Tx, f Filter) ([]Fact, error) {
	where, args := []string{"seq > ?"}, []any{f.After}
	if f.Product != "" {
		where, args = append(where, "product = ?"), append(args, f.Product)
	}
	if f.Object != "" {
		where, args = append(where, "object = ?"), append(args, f.Object)
	}
	if len(f.Verbs) > 0 {
		where = append(where, "verb IN "+db.In(len(f.Verbs)))
		for _, v := range f.Verbs {
			args = append(args, v)
		}
	}
	order, limit := "seq", ""
	if f.Newest {
		order = "seq DESC"
	}
	if f.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	var out []Fact
	err := tx.Each(func(rows *sql.Rows) error {
		fact, err := scan(rows)
		out = append(out, fact)
		return err
	}, `SELECT seq, time_ms, actor, source, product, verb, kind, object, digest, reason, coalesce(once, ''), inputs, outputs, data
		FROM fact WHERE `+strings.Join(where, " AND ")+` ORDER BY `+order+limit, args...)
	return out, err
}

func scan(rows *sql.Rows) (Fact, error) {
	var f Fact
	var ms int64
	var inputs, outputs, data string
	if err := rows.Scan(&f.Seq, &ms, &f.Actor, &f.Source, &f.Product, &f.Verb, &f.Kind, &f.Object, &f.Digest, &f.Reason, &f.Key, &inputs, &outputs, &data); err != nil {
		return f, err
	}
	f.Time, f.Data = db.Time(ms), json.RawMessage(data)
	if err := json.Unmarshal([]byte(inputs), &f.Inputs); err != nil {
		return f, fmt.Errorf("fact %d: %w", f.Seq, err)
	}
	if err := json.Unmarshal([]byte(outputs), &f.Outputs); err != nil {
		return f, fmt.Errorf("fact %d: %w", f.Seq, err)
	}
	return f, nil
}

// Decode reads the data of a fact into v.
func (f Fact) Decode(v any) error {
	raw, ok := f.Data.(json.RawMessage)
	if !ok {
		return fmt.Errorf("fact %d holds no stored data", f.Seq)
	}
	return json.Unmarshal(raw, v)
}

// Known gives the first of the keys that a fact has, "" when none has one.
func Known(tx *db.Tx, keys ...string) (key string, err error) {
	for _, k := range keys {
		found, err := db.Found(tx.QueryRow(`SELECT once FROM fact WHERE once = ?`, k).Scan(&key))
		if err != nil || found {
			return key, err
		}
	}
	return "", nil
}

// LastSeq gives the number of the newest fact, 0 when there is none. It is cheap: watchers poll it.
func LastSeq(tx *db.Tx) (int64, error) {
	var seq int64
	err := tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM fact`).Scan(&seq)
	return seq, err
}

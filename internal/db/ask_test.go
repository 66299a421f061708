package db_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
)

func TestAsk(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		if err := d.Update(ctx, func(tx *db.Tx) error {
			for _, q := range []string{
				`CREATE TABLE sold (day DATE, at TIMESTAMP, n BIGINT, x DOUBLE PRECISION, price NUMERIC, shop TEXT, open BOOLEAN, void TEXT)`,
				`INSERT INTO sold VALUES ('2026-01-01', '2026-01-01 12:30:00', 1, 0.5, 12.25, 'a?', true, NULL)`,
				`INSERT INTO sold VALUES (NULL, NULL, NULL, NULL, 3, 'b', NULL, NULL)`,
			} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var columns []db.Asked
		var got [][]any
		ask := func(query string) error {
			columns, got = nil, nil
			return d.Ask(ctx, query, func(c []db.Asked, rows func(func([]any) error) error) error {
				columns = c
				return rows(func(row []any) error {
					got = append(got, append([]any{}, row...))
					return nil
				})
			})
		}
		if err := ask(`SELECT day, at, n, x, price, shop, open, void FROM sold WHERE shop <> '?' ORDER BY shop`); err != nil {
			t.Fatal(err)
		}
		want := "[{day DATE} {at TIMESTAMP} {n BIGINT} {x DOUBLE} {price DOUBLE} {shop VARCHAR} {open BOOLEAN} {void VARCHAR}]"
		if fmt.Sprint(columns) != want {
			t.Errorf("columns %v, want %s", columns, want)
		}
		if len(got) != 2 || fmt.Sprint(got[0]) != fmt.Sprint([]any{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC), int64(1), 0.5, 12.25, "a?", true, nil}) ||
			got[1][4] != 3.0 || got[1][0] != nil {
			t.Errorf("rows %v", got)
		}
		if err := ask(`SELECT n FROM sold WHERE n > 7`); err != nil || len(got) > 0 || fmt.Sprint(columns) != "[{n VARCHAR}]" {
			t.Errorf("no rows: %v %v %v", columns, got, err)
		}
		for query, kind := range map[string]fault.Kind{`SELEC 1`: fault.Invalid, `SELECT nowhere FROM sold`: fault.Invalid, `DELETE FROM sold`: fault.Denied} {
			if err := ask(query); !fault.Is(err, kind) {
				t.Errorf("%s: %v, want %v", query, err, kind)
			}
		}
	})
}

func TestWithoutPassword(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://daisy:secret@db.example:5432/shop?sslmode=require": "postgres://daisy@db.example:5432/shop?sslmode=require",
		"postgres://db.example/shop?password=secret&user=daisy":        "postgres://db.example/shop?user=daisy",
		"data/shop.sqlite": "data/shop.sqlite",
	} {
		if got := db.WithoutPassword(dsn); got != want {
			t.Errorf("%s became %s", dsn, got)
		}
	}
}

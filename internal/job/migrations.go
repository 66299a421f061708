package job

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/riverqueue/river/rivermigrate"

	"github.com/paraplu/paraplu/internal/db"
)

// schema is where river's texts want the name of a PostgreSQL schema; ours is the one of the connection.
const schema = "/* TEMPLATE: schema */"

// Migrations gives the schema of the queue: the texts of river itself, each as one migration of ours, so that one table knows
// what was applied. A new river that brings more of them adds files with higher numbers.
func Migrations() db.Source {
	files := fstest.MapFS{}
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		migrator, err := rivermigrate.New(driver(dialect, nil), nil)
		if err != nil {
			panic(err) // only a wrong option makes an error
		}
		for _, m := range migrator.AllVersions() {
			name := fmt.Sprintf("migrations/202611270000%02d_job_river.%s.sql", m.Version, dialect)
			files[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n-- +goose StatementBegin\n" + strings.ReplaceAll(m.SQLUp, schema, "") + "\n-- +goose StatementEnd\n")}
		}
	}
	return db.Source{Room: "job", FS: files}
}

package modelpack

import (
	"database/sql"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// insert adds the rows of a package; it tells whether the digest is new.
func insert(tx *db.Tx, p *Package, manifest []byte, cfg ref.Digest) (bool, error) {
	res, err := tx.Exec(`INSERT INTO modelpack_package (digest, product, name, config, manifest, size, actor, created_ms, built_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
		p.Digest, p.Product, p.Name, cfg, string(manifest), p.Size, p.Actor, db.Millis(p.CreatedAt), db.Millis(p.BuiltAt))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	for _, f := range p.Files {
		if _, err := tx.Exec(`INSERT INTO modelpack_file (package, path, digest, size, media_type) VALUES (?, ?, ?, ?, ?)`,
			p.Digest, f.Path, f.Digest, f.Size, f.MediaType); err != nil {
			return false, err
		}
	}
	return true, nil
}

func insertReferrer(tx *db.Tx, pack ref.Digest, r Referrer) error {
	_, err := tx.Exec(`INSERT INTO modelpack_referrer (package, kind, digest, key_hint, created_ms) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (package, kind, digest) DO NOTHING`, pack, r.Kind, r.Digest, r.KeyHint, db.Millis(r.CreatedAt))
	return err
}

const columns = `SELECT digest, product, name, manifest, size, actor, created_ms, built_ms FROM modelpack_package`

func scan(scan func(...any) error) (*Package, error) {
	var p Package
	var manifest string
	var created, built int64
	if err := scan(&p.Digest, &p.Product, &p.Name, &manifest, &p.Size, &p.Actor, &created, &built); err != nil {
		return nil, err
	}
	p.CreatedAt, p.BuiltAt = db.Time(created), db.Time(built)
	m, err := ParseManifest([]byte(manifest))
	if err != nil {
		return nil, fault.Wrap(err, "package %s", p.Digest.Short())
	}
	p.Manifest = m
	return &p, nil
}

func load(tx *db.Tx, digest ref.Digest) (*Package, error) {
	p, err := scan(tx.QueryRow(columns+` WHERE digest = ?`, digest).Scan)
	if found, err := db.Found(err); err != nil {
		return nil, err
	} else if !found {
		return nil, fault.New(fault.NotFound, "there is no package %s", digest).WithHint("paraplu package ls")
	}
	return p, attach(tx, []*Package{p})
}

func list(tx *db.Tx, product string) ([]*Package, error) {
	where, args := "", []any{}
	if product != "" {
		where, args = `WHERE product = ?`, append(args, product)
	}
	out, err := all(tx, where, args...)
	if err != nil {
		return nil, err
	}
	return out, attach(tx, out)
}

// all reads packages without files and referrers, newest first.
func all(tx *db.Tx, where string, args ...any) (out []*Package, err error) {
	err = tx.Each(func(rows *sql.Rows) error {
		p, err := scan(rows.Scan)
		out = append(out, p)
		return err
	}, columns+` `+where+` ORDER BY created_ms DESC, built_ms DESC, digest`, args...)
	return out, err
}

// attach reads files and referrers of some packages.
func attach(tx *db.Tx, ps []*Package) error {
	byDigest := map[ref.Digest]*Package{}
	var args []any
	for _, p := range ps {
		byDigest[p.Digest] = p
		args = append(args, p.Digest)
	}
	if len(args) == 0 {
		return nil
	}
	err := tx.Each(func(rows *sql.Rows) error {
		var pack ref.Digest
		var f File
		err := rows.Scan(&pack, &f.Path, &f.Digest, &f.Size, &f.MediaType)
		byDigest[pack].Files = append(byDigest[pack].Files, f)
		return err
	}, `SELECT package, path, digest, size, media_type FROM modelpack_file WHERE package IN `+db.In(len(args))+` ORDER BY package, path`, args...)
	if err != nil {
		return err
	}
	return tx.Each(func(rows *sql.Rows) error {
		var pack ref.Digest
		var r Referrer
		var created int64
		err := rows.Scan(&pack, &r.Kind, &r.Digest, &r.KeyHint, &created)
		r.CreatedAt = db.Time(created)
		byDigest[pack].Signatures = append(byDigest[pack].Signatures, r)
		return err
	}, `SELECT package, kind, digest, key_hint, created_ms FROM modelpack_referrer WHERE package IN `+db.In(len(args))+` ORDER BY package, created_ms DESC, digest`, args...)
}

func references(tx *db.Tx) ([]ref.Digest, error) {
	var out []ref.Digest
	query := strings.Join([]string{`SELECT digest FROM modelpack_package`, `SELECT config FROM modelpack_package`,
		`SELECT digest FROM modelpack_file`, `SELECT digest FROM modelpack_referrer`}, " UNION ")
	err := tx.Each(func(rows *sql.Rows) error {
		var d ref.Digest
		err := rows.Scan(&d)
		out = append(out, d)
		return err
	}, query)
	return out, err
}

// instant is the precision of stored times.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

package tracking

import (
	"context"
	"database/sql"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Artifact is a file or folder under the artifact root. Folders come into being with the first file in them.
type Artifact struct {
	Path       string // "3/7af…/artifacts/model/MLmodel"
	IsDir      bool
	Digest     ref.Digest // "" for a folder
	Size       int64      // bytes, 0 for a folder
	ModifiedMs int64
}

// Name gives the last element of the path.
func (a Artifact) Name() string { return path.Base(a.Path) }

// maxLayers bounds how often a path may be percent-encoded.
const maxLayers = 32

func badPath() error { return fault.New(fault.Invalid, "Invalid path") }

// CheckPath gives a safe relative path: percent-decoded until nothing changes, without "..", leading "/", backslash, "#", "file:" or
// control characters. "" is the root.
func CheckPath(p string) (string, error) {
	layers := 0
	for d, err := url.PathUnescape(p); err == nil && d != p; d, err = url.PathUnescape(p) {
		if p = d; layers == maxLayers {
			return "", badPath()
		}
		layers++
	}
	if strings.ContainsAny(p, "#\\") || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "file:") || len(p) > maxIndexed || len(p) > 1 && p[1] == ':' {
		return "", badPath()
	}
	for _, c := range p {
		if c < 0x20 || c == 0x7f || c == 0xfffd {
			return "", badPath()
		}
	}
	for _, elem := range strings.Split(p, "/") {
		if elem == ".." {
			return "", badPath()
		}
	}
	if p = path.Clean(p); p == "." {
		p = ""
	}
	return p, nil
}

// ArtifactPath gives the path of a URI of our own store, "mlflow-artifacts:/3/7af…/artifacts"; another scheme is
// fault.Unsupported, because its files are written and read by the client itself.
func ArtifactPath(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return "", fault.New(fault.Unsupported, "artifacts at '%s' are not kept by this server; read them with the client", uri)
	}
	return CheckPath(strings.TrimLeft(u.Path, "/"))
}

func parentOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// PutArtifact stores a file under a path that CheckPath accepts; a file that is there already is replaced.
func (r *Room) PutArtifact(ctx context.Context, name string, body io.Reader) (Artifact, error) {
	p, err := CheckPath(name)
	if err != nil || p == "" || strings.HasSuffix(name, "/") {
		return Artifact{}, badPath()
	}
	digest, size, err := r.blobs.PutPlain(ctx, body)
	if err != nil {
		return Artifact{}, err
	}
	a := Artifact{Path: p, Digest: digest, Size: size, ModifiedMs: r.nowMs()}
	return a, r.db.Update(ctx, func(tx *db.Tx) error { return putArtifact(tx, a) })
}

// putArtifact writes the row of a file, of which readers see the old or the new one, and makes its folders.
func putArtifact(tx *db.Tx, a Artifact) error {
	if err := checkFree(tx, a.Path); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO tracking_artifact (path, parent, digest, size, modified_ms) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, size = excluded.size, modified_ms = excluded.modified_ms`,
		a.Path, parentOf(a.Path), string(a.Digest), a.Size, a.ModifiedMs); err != nil {
		return err
	}
	return makeFolders(tx, parentOf(a.Path), a.ModifiedMs)
}

// checkFree refuses a path where no file can be: a folder, or a place whose owner was deleted for good.
func checkFree(tx *db.Tx, p string) error {
	old, found, err := artifact(tx, p)
	if err != nil {
		return err
	}
	if found && old.IsDir {
		return fault.New(fault.Invalid, "Invalid path: '%s' is a directory", p)
	}
	return checkOwner(tx, p)
}

// makeFolders makes a folder and those above it.
func makeFolders(tx *db.Tx, dir string, now int64) error {
	for ; dir != ""; dir = parentOf(dir) {
		old, found, err := artifact(tx, dir)
		if err != nil {
			return err
		}
		if found && !old.IsDir {
			return fault.New(fault.Invalid, "Invalid path: '%s' is a file", dir)
		}
		if found {
			return nil // and so are those above
		}
		if _, err := tx.Exec(`INSERT INTO tracking_artifact (path, parent, digest, size, modified_ms) VALUES (?, ?, '', 0, ?) ON CONFLICT DO NOTHING`,
			dir, parentOf(dir), now); err != nil {
			return err
		}
	}
	return nil
}

const artifactColumns = `path, digest, size, modified_ms`

func scanArtifact(scan func(...any) error) (a Artifact, err error) {
	err = scan(&a.Path, &a.Digest, &a.Size, &a.ModifiedMs)
	a.IsDir = a.Digest == ""
	return a, err
}

func artifact(tx *db.Tx, p string) (Artifact, bool, error) {
	a, err := scanArtifact(tx.QueryRow(`SELECT `+artifactColumns+` FROM tracking_artifact WHERE path = ?`, p).Scan)
	found, err := db.Found(err)
	return a, found, err
}

// StatArtifact gives a file, fault.NotFound when there is none.
func (r *Room) StatArtifact(ctx context.Context, name string) (a Artifact, err error) {
	p, err := CheckPath(name)
	if err != nil {
		return a, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var found bool
		a, found, err = artifact(tx, p)
		if err == nil && (!found || a.IsDir) {
			err = fault.New(fault.NotFound, "No such artifact: '%s'", p)
		}
		return err
	})
	return a, err
}

// OpenArtifact opens the bytes of a file from an offset on; from 0 on they are verified while they are read.
func (r *Room) OpenArtifact(ctx context.Context, a Artifact, offset int64) (io.ReadCloser, error) {
	return r.blobs.GetFrom(ctx, a.Digest, offset)
}

// maxListed is the number of entries of a page.
const maxListed = 10_000

// ListPage gives what is directly in a folder, by name, from a token on; "" is the root, and the first page. A file or a
// missing folder gives nothing.
func (r *Room) ListPage(ctx context.Context, dir, token string) (Page[Artifact], error) {
	at, err := parseCursor(token)
	if err != nil {
		return Page[Artifact]{}, err
	}
	return r.listArtifacts(ctx, dir, at.Path, maxListed)
}

func (r *Room) listArtifacts(ctx context.Context, dir, after string, limit int) (page Page[Artifact], err error) {
	p, err := CheckPath(dir)
	if err != nil {
		return page, err
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		page = Page[Artifact]{}
		byPath := textOrder(tx, "path")
		return tx.Each(func(rows *sql.Rows) error {
			a, err := scanArtifact(rows.Scan)
			if len(page.Items) == limit {
				page.Next = cursor{Path: page.Items[limit-1].Path}.token()
				return err
			}
			page.Items = append(page.Items, a)
			return err
		}, `SELECT `+artifactColumns+` FROM tracking_artifact WHERE parent = ? AND `+byPath+` > ? ORDER BY `+byPath+` LIMIT ?`, p, after, limit+1)
	})
	return page, err
}

// DeleteArtifact removes a file, or a folder with all in it; one that is absent is no error. The bytes go with the next sweep.
func (r *Room) DeleteArtifact(ctx context.Context, name string) error {
	p, err := CheckPath(name)
	if err != nil {
		return err
	}
	if p == "" {
		return badPath()
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE doomed (path) AS (
				SELECT path FROM tracking_artifact WHERE path = ?
				UNION ALL SELECT a.path FROM tracking_artifact a JOIN doomed d ON a.parent = d.path)
			DELETE FROM tracking_artifact WHERE path IN (SELECT path FROM doomed)`, p)
		return err
	})
}

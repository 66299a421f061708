package tracking

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// MaxParts bounds the parts of an upload, as S3 does.
const MaxParts = 10_000

// UploadLife is how long an upload in parts may take before it counts as given up.
const UploadLife = 24 * time.Hour

// Upload is a file that arrives in parts. Its state is in the database, so that it goes on after a restart, and on another
// server of the same workspace.
type Upload struct {
	ID        string // 32 hex digits, random
	Path      string // of the artifact that it becomes
	Parts     int    // numbered from 1
	ExpiresMs int64
	Digest    ref.Digest // of the whole, "" until it is complete
	Size      int64
}

// UploadedPart is what a client says it has sent.
type UploadedPart struct {
	Number int
	ETag   string // the digest in hex, with or without quotes
}

type uploadPart struct {
	number int
	blob.Part
}

// CreateUpload begins an upload of 1 to MaxParts parts to a path that CheckPath accepts.
func (r *Room) CreateUpload(ctx context.Context, name string, parts int) (Upload, error) {
	p, err := CheckPath(name)
	if err != nil || p == "" || strings.HasSuffix(name, "/") {
		return Upload{}, badPath()
	}
	if parts < 1 || parts > MaxParts {
		err := fault.New(fault.Invalid, "An upload has 1 to %d parts.", MaxParts)
		if parts > MaxParts {
			err = err.WithHint("send larger parts: MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE")
		}
		return Upload{}, err
	}
	u := Upload{ID: newHex(), Path: p, Parts: parts, ExpiresMs: r.clock().Add(UploadLife).UnixMilli()}
	return u, r.db.Update(ctx, func(tx *db.Tx) error {
		if err := checkFree(tx, p); err != nil { // now, not after gigabytes
			return err
		}
		_, err := tx.Exec(`INSERT INTO tracking_upload (id, path, parts, expires_ms, digest, size) VALUES (?, ?, ?, ?, '', 0)`, u.ID, u.Path, u.Parts, u.ExpiresMs)
		return err
	})
}

// PutPart stores a part of an open upload; one that is there already is replaced.
func (r *Room) PutPart(ctx context.Context, id string, number int, body io.Reader) (ref.Digest, error) {
	if err := r.db.View(ctx, func(tx *db.Tx) error { return checkPart(tx, id, number) }); err != nil {
		return "", err // before a byte is stored
	}
	part, err := r.blobs.PutPart(ctx, id, body)
	if err != nil {
		return "", err
	}
	var was string
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if err := checkPart(tx, id, number); err != nil {
			return err
		}
		was = ""
		if _, err := db.Found(tx.QueryRow(`SELECT name FROM tracking_upload_part WHERE upload = ? AND number = ?`, id, number).Scan(&was)); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO tracking_upload_part (upload, number, name, digest, size) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (upload, number) DO UPDATE SET name = excluded.name, digest = excluded.digest, size = excluded.size`,
			id, number, part.Name, string(part.Digest), part.Size)
		return err
	})
	unused := was
	if err != nil {
		unused = ""
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // else it may have been committed all the same
		unused = part.Name
	}
	if unused != "" {
		r.blobs.DropPart(context.WithoutCancel(ctx), id, unused) //nolint:errcheck // swept with the upload
	}
	return part.Digest, err
}

// checkPart refuses a part that no open upload waits for.
func checkPart(tx *db.Tx, id string, number int) error {
	u, err := upload(tx, id)
	switch {
	case err != nil:
		return err
	case u.Digest != "":
		return uploadNotFound(id)
	case number < 1 || number > u.Parts:
		return fault.New(fault.Invalid, "Upload %s has parts 1 to %d, not %d.", id, u.Parts, number)
	}
	return nil
}

// CompleteUpload joins the parts into the artifact. The list must name each part once, in order, with its ETag. It goes on
// when the client gives up, and may be repeated: a second call waits for the first and has its answer.
func (r *Room) CompleteUpload(ctx context.Context, id, name string, list []UploadedPart) (Artifact, error) {
	ctx = context.WithoutCancel(ctx)
	defer r.joins.lock(id)()
	u, parts, err := r.openUpload(ctx, id)
	if p, perr := CheckPath(name); err == nil && (perr != nil || p != u.Path) {
		err = uploadNotFound(id)
	}
	if err != nil || u.Digest != "" {
		return Artifact{Path: u.Path, Digest: u.Digest, Size: u.Size}, err
	}
	if err := checkParts(u, parts, list); err != nil {
		return Artifact{}, err
	}
	pieces := make([]blob.Part, len(parts))
	for i, p := range parts {
		pieces[i] = p.Part
	}
	digest, size, err := r.blobs.Join(ctx, id, pieces)
	if fault.Is(err, fault.NotFound) {
		return Artifact{}, fault.New(fault.Conflict, "Upload %s changed while it was completed.", id)
	} else if err != nil {
		return Artifact{}, err
	}
	a := Artifact{Path: u.Path, Digest: digest, Size: size, ModifiedMs: r.nowMs()}
	if err := r.db.Update(ctx, func(tx *db.Tx) error { return completeUpload(tx, id, parts, a) }); err != nil {
		return Artifact{}, err
	}
	r.blobs.DropParts(ctx, id) //nolint:errcheck // swept, as the upload is not open any more
	return a, nil
}

func completeUpload(tx *db.Tx, id string, joined []uploadPart, a Artifact) error {
	u, err := upload(tx, id)
	if err != nil || u.Digest != "" {
		return err // another server was first, with the same parts
	}
	parts, err := uploadParts(tx, id)
	if err != nil {
		return err
	}
	if !slices.Equal(parts, joined) {
		return fault.New(fault.Conflict, "Upload %s changed while it was completed.", id)
	}
	if err := putArtifact(tx, a); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM tracking_upload_part WHERE upload = ?`, id); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE tracking_upload SET digest = ?, size = ? WHERE id = ?`, string(a.Digest), a.Size, id)
	return err
}

// checkParts compares what the client says it sent with what is here.
func checkParts(u Upload, parts []uploadPart, list []UploadedPart) error {
	if len(list) != u.Parts {
		return fault.New(fault.Invalid, "Upload %s has %d parts, and %d are listed.", u.ID, u.Parts, len(list))
	}
	for i, said := range list {
		switch {
		case said.Number != i+1:
			return fault.New(fault.Invalid, "The parts must be listed in order: number %d stands where %d is due.", said.Number, i+1)
		case i >= len(parts) || parts[i].number != i+1:
			return fault.New(fault.Invalid, "Part %d of upload %s did not arrive.", i+1, u.ID)
		case strings.Trim(said.ETag, `"`) != parts[i].Digest.Hex():
			return fault.New(fault.Invalid, "The ETag of part %d is not that of what arrived.", i+1)
		}
	}
	return nil
}

// AbortUpload gives an open upload up. One that is complete or unknown is left as it is: the call may be a repetition.
func (r *Room) AbortUpload(ctx context.Context, id, name string) error {
	p, err := CheckPath(name)
	if err != nil {
		return err
	}
	open := false
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		u, err := upload(tx, id)
		if open = err == nil && u.Path == p && u.Digest == ""; !open {
			if fault.Is(err, fault.NotFound) {
				err = nil
			}
			return err
		}
		return dropUploads(tx, `SELECT id FROM tracking_upload WHERE id = ?`, id)
	})
	if err != nil || !open {
		return err
	}
	return r.blobs.DropParts(ctx, id)
}

package mlflow

import (
	"bufio"
	"errors"
	"io"
	"net/http"

	"github.com/paraplu/paraplu/internal/fault"
)

// receive lets store read a body. A body that breaks off is the client's doing, not a failure of the server.
func receive(body io.Reader, store func(io.Reader) error) error {
	b := &watched{r: body}
	err := store(b)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(b.err, &large):
		return invalid("Artifact size is too large. Max size is 10MB.")
	case b.err != nil:
		return fault.New(fault.Canceled, "The upload broke off, and nothing of it was kept: %w", b.err)
	}
	return err
}

// watched keeps the error with which a body ends before its time.
type watched struct {
	r   io.Reader
	err error
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

func (s *server) putStore(w http.ResponseWriter, r *http.Request, vars map[string]string) error {
	if err := checkWritable(vars["path"]); err != nil {
		return err
	}
	return s.put(w, r, vars["path"], r.Body)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, p string, body io.Reader) error {
	err := receive(body, func(body io.Reader) error {
		_, err := s.Tracking.PutArtifact(r.Context(), p, body)
		return err
	})
	if err == nil {
		writeJSON(w, http.StatusOK, empty{})
	}
	return err
}

// maxUpload bounds the body of the UI's upload-artifact, in bytes.
const maxUpload = 10 << 20

func (s *server) uploadFile(w http.ResponseWriter, r *http.Request, _ map[string]string) error {
	q := r.URL.Query()
	id := q.Get("run_id")
	if id == "" {
		id = q.Get("run_uuid")
	}
	switch {
	case id == "":
		return invalid("Request must specify run_id or run_uuid.")
	case q.Get("path") == "":
		return invalid("Request must specify path.")
	case r.ContentLength > maxUpload:
		return invalid("Artifact size is too large. Max size is 10MB.")
	}
	body := bufio.NewReader(http.MaxBytesReader(w, r.Body, maxUpload))
	if _, err := body.Peek(1); err == io.EOF {
		return invalid("Request must specify data.")
	}
	run, err := s.Tracking.Run(r.Context(), id)
	if err != nil {
		return err
	}
	p, err := under(run.ArtifactURI, q.Get("path"))
	if err == nil {
		err = checkWritable(p)
	}
	if err != nil {
		return err
	}
	return s.put(w, r, p, body)
}

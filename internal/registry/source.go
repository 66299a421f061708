package registry

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// placeholders are what MLflow's senders write as the source of a prompt, which has no files.
var placeholders = []string{"dummy-source", "prompt-template"}

// hostSchemes name a host in their address: a reader on the server would connect to whatever a client wrote there.
var hostSchemes = []string{"http", "https", "ftp", "sftp", "hdfs", "viewfs", "r2", "b2", "abfss"}

// resolve checks that a source belongs to the run or logged model that is said to have made it, fills in what follows from it,
// and gives where the files are. A source that names a version, by number, stage or alias, becomes that version's, with its
// run and logged model.
func (r *Room) resolve(ctx context.Context, in *VersionInput) (location string, err error) {
	if isPrompt(in.Tags) {
		if !slices.Contains(placeholders, in.Source) {
			return "", fault.New(fault.Invalid, "Invalid prompt source: '%s'. Prompt sources must use an MLflow placeholder.", in.Source)
		}
		return in.Source, nil
	}
	if err := checkSource(in.Source); err != nil {
		return "", err
	}
	if in.Package != "" {
		return in.Source, nil
	}
	scheme, _, _ := strings.Cut(in.Source, ":")
	switch strings.ToLower(scheme) {
	case "models":
		return r.resolveModel(ctx, in)
	case "runs":
		id, _, _ := strings.Cut(strings.TrimLeft(in.Source[len("runs:"):], "/"), "/")
		if in.LoggedModel != "" {
			return "", foreign(in.Source, "model_id")
		}
		if id == "" || id != in.RunID || strings.HasPrefix(in.Source[len("runs:"):], "//") {
			return "", foreign(in.Source, "run_id")
		}
		return in.Source, nil
	}
	return in.Source, r.checkOwner(ctx, in, strings.EqualFold(scheme, "mlflow-artifacts"))
}

// foreign says that a source does not belong to what is said to have made it.
func foreign(source, param string) error {
	return fault.New(fault.Invalid, "Invalid model version source: '%s'. The %s request parameter must identify the resource that contains the source.", source, param)
}

// checkOwner fills the run of a logged model. A source that is ours must lie below the files of the model or the run.
func (r *Room) checkOwner(ctx context.Context, in *VersionInput, ours bool) error {
	param, root, err := "run_id", "", error(nil)
	switch {
	case in.LoggedModel != "" && r.ResolveLogged != nil:
		var run string
		root, run, err = r.ResolveLogged(ctx, in.LoggedModel)
		param = "model_id"
		if in.RunID == "" {
			in.RunID = run
		}
	case !ours || r.ResolveRun == nil:
		return nil
	case in.RunID != "":
		root, err = r.ResolveRun(ctx, in.RunID)
	}
	if !ours {
		return err
	}
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
		return err
	}
	if err != nil || !within(in.Source, root) {
		return foreign(in.Source, param)
	}
	return nil
}

// within tells whether an address is root or lies below it.
func within(address, root string) bool {
	a, aok := parts(address)
	b, bok := parts(root)
	return aok && bok && len(b) > 2 && len(a) >= len(b) && slices.Equal(a[:len(b)], b)
}

// parts gives scheme, host and the decoded elements of the path.
func parts(address string) ([]string, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, false
	}
	out := []string{strings.ToLower(u.Scheme), strings.ToLower(u.Host)}
	for _, p := range strings.Split(u.EscapedPath(), "/") {
		if p != "" {
			out = append(out, unescaped(p))
		}
	}
	return out, true
}

func unescaped(text string) string {
	for range maxEscapes {
		next, err := url.PathUnescape(text)
		if err != nil || next == text {
			break
		}
		text = next
	}
	return text
}

// resolveModel resolves "models:/m-…", and what Find finds.
func (r *Room) resolveModel(ctx context.Context, in *VersionInput) (string, error) {
	rest := in.Source[len("models:"):]
	if strings.HasPrefix(rest, "//") {
		return "", fault.New(fault.Invalid, "Invalid model version source: '%s'. Registered model sources must use the active model registry.", in.Source)
	}
	rest = strings.TrimPrefix(rest, "/")
	if strings.HasPrefix(rest, "m-") && !strings.ContainsAny(rest, "/@") {
		if r.ResolveLogged == nil {
			return in.Source, nil
		}
		if in.LoggedModel != rest {
			return "", foreign(in.Source, "model_id")
		}
		location, run, err := r.ResolveLogged(ctx, rest)
		if in.RunID == "" {
			in.RunID = run
		}
		return location, err
	}
	name, _, _ := strings.Cut(rest, "@")
	if name, _, _ = strings.Cut(name, "/"); name == "" || name == rest {
		return "", foreign(in.Source, "model_id")
	}
	return r.resolveVersion(ctx, in, name)
}

// resolveVersion makes the source another version, and inherits its run and logged model.
func (r *Room) resolveVersion(ctx context.Context, in *VersionInput, name string) (string, error) {
	m, err := r.GetModel(ctx, name)
	if err != nil {
		return "", err
	}
	if isPrompt(m.Tags) {
		return "", fault.New(fault.Invalid, "Invalid model version source: '%s'. Prompt versions cannot be used as model version sources.", in.Source)
	}
	v, err := r.Find(ctx, in.Source)
	if err != nil {
		return "", err
	}
	if in.RunID != "" && in.RunID != v.RunID || in.LoggedModel != "" && in.LoggedModel != v.LoggedModel {
		return "", fault.New(fault.Invalid, "Invalid model version source: '%s'. The run_id and model_id request parameters must match the referenced model version.", in.Source)
	}
	in.Source, in.RunID, in.LoggedModel = "models:/"+v.Model+"/"+strconv.Itoa(v.Number), v.RunID, v.LoggedModel
	return v.Location, nil
}

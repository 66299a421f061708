package registry

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
)

// Limits of MLflow's registry (mlflow/utils/validation.py), in characters.
const (
	maxTagKey   = 250
	maxTagValue = 100_000
	maxAlias    = 255
)

func missing(param string) error {
	return fault.New(fault.Invalid, "Missing value for required parameter '%s'. See the API docs for more information about request parameters.", param)
}

func invalidValue(param, value, why string) error {
	return fault.New(fault.Invalid, "Invalid value %s for parameter '%s' supplied: %s", jsonText(value), param, why)
}

func jsonText(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(s) //nolint:errcheck // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

func checkModelName(param, name string) error {
	if strings.TrimSpace(name) == "" {
		return fault.New(fault.Invalid, "Missing value for required parameter '%s'.", param)
	}
	if strings.ContainsAny(name, "/:") {
		return fault.New(fault.Invalid, "Invalid model name '%s'. Names cannot contain '/' or ':'.", name)
	}
	return checkPath(param, name)
}

// checkPath refuses a name that, read as a path, would mean another name.
func checkPath(param, name string) error {
	norm := path.Clean(name)
	if norm != name || norm == "." || strings.HasPrefix(norm, "..") || strings.HasPrefix(norm, "/") {
		return invalidValue(param, name, "Names may be treated as files in certain cases, and must not resolve to other names"+
			" when treated as such. This name would resolve to '"+norm+"'")
	}
	return nil
}

func checkTag(key, value string) error {
	if key == "" {
		return missing("key")
	}
	for _, c := range key {
		if !wordRune(c) && !strings.ContainsRune("/.- :", c) {
			return invalidValue("key", key, "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.),"+
				" spaces ( ), colon(:) and slashes (/).")
		}
	}
	if err := checkPath("key", key); err != nil {
		return err
	}
	if err := checkLength("key", maxTagKey, key); err != nil {
		return err
	}
	return checkLength("value", maxTagValue, value)
}

func checkTags(tags map[string]string) error {
	for _, k := range sortedKeys(tags) {
		if err := checkTag(k, tags[k]); err != nil {
			return err
		}
	}
	return nil
}

func checkAlias(alias string) error {
	if alias == "" {
		return fault.New(fault.Invalid, "Registered model alias name cannot be empty.")
	}
	for _, c := range alias {
		if !wordRune(c) && c != '-' {
			return fault.New(fault.Invalid, "Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_), and dashes (-).", alias)
		}
	}
	return checkLength("Registered model alias name", maxAlias, alias)
}

// checkNewAlias also refuses the names that mean a version.
func checkNewAlias(alias string) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	if strings.EqualFold(alias, "latest") {
		return fault.New(fault.Invalid, "'latest' alias name (case insensitive) is reserved.")
	}
	if digits := strings.TrimLeft(alias, "vV"); len(alias)-len(digits) == 1 && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return fault.New(fault.Invalid, "Version alias name '%s' is reserved.", alias)
	}
	return nil
}

func checkLength(what string, limit int, s string) error {
	if utf8.RuneCountInString(s) > limit {
		return fault.New(fault.Invalid, "'%s' exceeds the maximum length of %d characters", what, limit)
	}
	return nil
}

func wordRune(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsNumber(c) }

// The stages of old MLflow.
const (
	StageNone       = "None"
	StageStaging    = "Staging"
	StageProduction = "Production"
	StageArchived   = "Archived"
)

var stages = []string{StageNone, StageStaging, StageProduction, StageArchived}

func stage(s string) (string, error) {
	for _, known := range stages {
		if strings.EqualFold(s, known) {
			return known, nil
		}
	}
	return "", fault.New(fault.Invalid, "Invalid Model Version stage: %s. Value must be one of %s.", s, strings.Join(stages, ", "))
}

// maxEscapes is how often a path may be percent-encoded over and over.
const maxEscapes = 8

// checkSource refuses sources that could make a reader leave the artifact store: files of the server, "..", NUL, other hosts.
func checkSource(source string) error {
	scheme, _, ok := strings.Cut(source, ":")
	if slices.Contains(hostSchemes, strings.ToLower(scheme)) && ok {
		return fault.New(fault.Invalid, "'source' cannot use the '%s' scheme: a reader on the server would connect to the host that the address names.", strings.ToLower(scheme))
	}
	text := source
	for range maxEscapes {
		path := strings.FieldsFunc(text, func(c rune) bool { return c == '/' || c == '\\' })
		if strings.ContainsRune(text, 0) || slices.Contains(path, "..") {
			return fault.New(fault.Invalid, "Invalid model version source: '%s'. If supplying a source as an http, https, "+
				"local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. "+
				"Please provide an absolute path.", strings.ReplaceAll(source, "\x00", ""))
		}
		next, err := url.PathUnescape(text)
		if err != nil || next == text {
			break
		}
		text = next
	}
	if !ok || strings.EqualFold(scheme, "file") || len(scheme) == 1 || strings.Contains(scheme, "/") {
		return fault.New(fault.Invalid, "Invalid model version source: '%s'. To use a local path as a model version source, the run_id request "+
			"parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.", source)
	}
	return nil
}

package registry

import (
	"maps"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Changed tells, inside the transaction of a change, what happened: an event in MLflow's words ("model_version.created") and
// its data in the form of MLflow's webhooks. Its error undoes the change. A call that changes nothing tells nothing: setting
// the tag or alias that is set already, deleting what is not there. It must not touch the tables of the registry.
type Changed func(tx *db.Tx, event string, data any) error

// The data of events, as in mlflow/webhooks/types.py of MLflow 3.18.
type (
	createdModel struct {
		Name        string            `json:"name"`
		Tags        map[string]string `json:"tags"`
		Description string            `json:"description"`
	}
	createdVersion struct {
		Name        string            `json:"name"`
		Version     string            `json:"version"`
		Source      string            `json:"source"`
		RunID       *string           `json:"run_id"`
		Tags        map[string]string `json:"tags"`
		Description *string           `json:"description"`
	}
	createdPrompt struct {
		Name        string            `json:"name"`
		Version     string            `json:"version"`
		Template    *string           `json:"template"`
		Tags        map[string]string `json:"tags"`
		Description *string           `json:"description"`
	}
	changedTag struct {
		Name    string  `json:"name"`
		Version string  `json:"version,omitempty"`
		Key     string  `json:"key"`
		Value   *string `json:"value,omitempty"` // nil: deleted
	}
	changedAlias struct {
		Name    string `json:"name"`
		Alias   string `json:"alias"`
		Version string `json:"version,omitempty"` // "": deleted
	}
)

// Tags by which MLflow keeps prompts among the models; only the first two are left out of the data of events.
const (
	promptTypeTag = "_mlflow_prompt_type" // chat or text
	promptTextTag = "mlflow.prompt.text"  // the template
)

func isPrompt(tags map[string]string) bool { return strings.EqualFold(tags[promptTag], "true") }

func (r *Room) tell(tx *db.Tx, event string, data any) error {
	if r.Changed == nil {
		return nil
	}
	return fault.Wrap(r.Changed(tx, event, data), "telling the webhooks of %s", event)
}

func (r *Room) tellModel(tx *db.Tx, m Model) error {
	if !isPrompt(m.Tags) {
		return r.tell(tx, "registered_model.created", createdModel{m.Name, m.Tags, m.Description})
	}
	return r.tell(tx, "prompt.created", createdModel{m.Name, without(m.Tags, promptTag, promptTypeTag), m.Description})
}

func (r *Room) tellVersion(tx *db.Tx, v Version) error {
	number := strconv.Itoa(v.Number)
	if !isPrompt(v.Tags) {
		return r.tell(tx, "model_version.created", createdVersion{v.Model, number, v.Source, optional(v.RunID), v.Tags, optional(v.Description)})
	}
	var template *string
	if text, ok := v.Tags[promptTextTag]; ok {
		template = &text
	}
	return r.tell(tx, "prompt_version.created", createdPrompt{v.Model, number, template,
		without(v.Tags, promptTag, promptTypeTag, promptTextTag), optional(v.Description)})
}

// tellModelTag tells of tags of prompts only: MLflow has no event for the tags of a model.
func (r *Room) tellModelTag(tx *db.Tx, m Model, key string, value *string) error {
	if !isPrompt(m.Tags) {
		return nil
	}
	return r.tell(tx, "prompt_tag."+setOrDeleted(value), changedTag{Name: m.Name, Key: key, Value: value})
}

func (r *Room) tellVersionTag(tx *db.Tx, v Version, key string, value *string) error {
	entity, err := r.entity(tx, v.Model, "prompt_version_tag.", "model_version_tag.")
	if err != nil {
		return err
	}
	return r.tell(tx, entity+setOrDeleted(value), changedTag{v.Model, strconv.Itoa(v.Number), key, value})
}

// tellAlias tells of an alias; number 0 means that it was deleted.
func (r *Room) tellAlias(tx *db.Tx, model, alias string, number int) error {
	entity, err := r.entity(tx, model, "prompt_alias.", "model_version_alias.")
	if err != nil {
		return err
	}
	if number == 0 {
		return r.tell(tx, entity+"deleted", changedAlias{Name: model, Alias: alias})
	}
	return r.tell(tx, entity+"created", changedAlias{model, alias, strconv.Itoa(number)})
}

// entity gives one or the other by whether the model is a prompt.
func (r *Room) entity(tx *db.Tx, model, prompt, other string) (string, error) {
	if r.Changed == nil {
		return other, nil
	}
	var value string
	found, err := db.Found(tx.QueryRow(`SELECT t.value FROM registry_model_tag t JOIN registry_model m ON m.id = t.model_id
		WHERE m.name = ? AND t.tag = ?`, model, promptTag).Scan(&value))
	if err == nil && found && strings.EqualFold(value, "true") {
		return prompt, nil
	}
	return other, err
}

func setOrDeleted(value *string) string {
	if value == nil {
		return "deleted"
	}
	return "set"
}

func without(tags map[string]string, keys ...string) map[string]string {
	out := maps.Clone(tags)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

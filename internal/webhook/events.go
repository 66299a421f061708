package webhook

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// examples holds every event that a webhook may listen to, with the data that a test sends: those of MLflow 3.18.
// budget_policy.exceeded never happens here, because Paraplu has no gateway budgets; it can be chosen so that clients which
// choose all events work.
var examples = map[string]string{
	"registered_model.created":    `{"name": "example_model", "tags": {"example_key": "example_value"}, "description": "An example registered model"}`,
	"model_version.created":       `{"name": "example_model", "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678", "tags": {"example_key": "example_value"}, "description": "An example model version"}`,
	"model_version_tag.set":       `{"name": "example_model", "version": "1", "key": "example_key", "value": "example_value"}`,
	"model_version_tag.deleted":   `{"name": "example_model", "version": "1", "key": "example_key"}`,
	"model_version_alias.created": `{"name": "example_model", "alias": "example_alias", "version": "1"}`,
	"model_version_alias.deleted": `{"name": "example_model", "alias": "example_alias"}`,
	"prompt.created":              `{"name": "example_prompt", "tags": {"example_key": "example_value"}, "description": "An example prompt"}`,
	"prompt_version.created":      `{"name": "example_prompt", "version": "1", "template": "Hello {{name}}!", "tags": {"example_key": "example_value"}, "description": "An example prompt version"}`,
	"prompt_tag.set":              `{"name": "example_prompt", "key": "example_key", "value": "example_value"}`,
	"prompt_tag.deleted":          `{"name": "example_prompt", "key": "example_key"}`,
	"prompt_version_tag.set":      `{"name": "example_prompt", "version": "1", "key": "example_key", "value": "example_value"}`,
	"prompt_version_tag.deleted":  `{"name": "example_prompt", "version": "1", "key": "example_key"}`,
	"prompt_alias.created":        `{"name": "example_prompt", "alias": "example_alias", "version": "1"}`,
	"prompt_alias.deleted":        `{"name": "example_prompt", "alias": "example_alias"}`,
	"budget_policy.exceeded":      `{"budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0, "current_spend": 105.5, "duration_unit": "MONTHS", "duration_value": 1, "target_scope": "ENDPOINT", "workspace": "default", "target_value": "ep-abc123", "window_start": 1704067200000}`,
}

// Events lists the events that a webhook may listen to.
func Events() []string { return slices.Sorted(maps.Keys(examples)) }

// checkEvents gives the events without repetition, in the order of their names.
func checkEvents(events []string) ([]string, error) {
	if len(events) == 0 {
		return nil, fault.New(fault.Invalid, "Webhook events must be a non-empty list of WebhookEvent objects: [].")
	}
	for _, e := range events {
		if err := checkEvent(e); err != nil {
			return nil, err
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(events))), nil
}

func checkEvent(e string) error {
	if _, known := examples[e]; known {
		return nil
	}
	entity, action, _ := strings.Cut(e, ".")
	valid := []string{}
	for _, known := range Events() {
		if a, ok := strings.CutPrefix(known, entity+"."); ok {
			valid = append(valid, "'"+a+"'")
		}
	}
	return fault.New(fault.Invalid, "Invalid action '%s' for entity '%s'. Valid actions are: [%s]", action, entity, strings.Join(valid, ", "))
}

// message is what is sent.
type message struct {
	Entity    string          `json:"entity"`
	Action    string          `json:"action"`
	Timestamp string          `json:"timestamp"` // when it happened, ISO 8601
	Data      json.RawMessage `json:"data"`
}

func (r *Room) message(event string, data json.RawMessage) ([]byte, error) {
	entity, action, _ := strings.Cut(event, ".")
	return json.Marshal(message{entity, action, r.now().Format("2006-01-02T15:04:05.000000-07:00"), data})
}

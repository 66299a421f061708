package mlflow

import (
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/webhook"
)

func (s *server) webhookRoutes(rpc rpcFunc) {
	rpc(v2, "POST", "webhooks", s.createWebhook)
	rpc(v2, "GET", "webhooks", s.listWebhooks)
	rpc(v2, "GET", "webhooks/{webhook_id}", s.getWebhook)
	rpc(v2, "PATCH", "webhooks/{webhook_id}", s.updateWebhook)
	rpc(v2, "DELETE", "webhooks/{webhook_id}", s.deleteWebhook)
	rpc(v2, "POST", "webhooks/{webhook_id}/test", s.testWebhook)
}

var (
	webhookEntities = []string{"", "REGISTERED_MODEL", "MODEL_VERSION", "MODEL_VERSION_TAG", "MODEL_VERSION_ALIAS", "PROMPT", "PROMPT_VERSION",
		"PROMPT_TAG", "PROMPT_VERSION_TAG", "PROMPT_ALIAS", "BUDGET_POLICY"}
	webhookActions  = []string{"", "CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED"}
	webhookStatuses = []string{"", string(webhook.Active), string(webhook.Disabled)}
)

type webhookEventWire struct {
	Entity string `json:"entity"`
	Action string `json:"action"`
}

type webhookWire struct {
	ID          string             `json:"webhook_id"`
	Name        string             `json:"name"`
	Description string             `json:"description,omitempty"`
	URL         string             `json:"url"`
	Events      []webhookEventWire `json:"events"`
	Status      string             `json:"status"`
	CreatedMs   int64              `json:"creation_timestamp"`
	UpdatedMs   int64              `json:"last_updated_timestamp"`
}

func webhookOf(w webhook.Webhook) webhookWire {
	out := webhookWire{ID: w.ID, Name: w.Name, Description: w.Description, URL: w.URL, Status: string(w.Status),
		CreatedMs: db.Millis(w.CreatedAt), UpdatedMs: db.Millis(w.UpdatedAt)}
	for _, e := range w.Events {
		entity, action, _ := strings.Cut(strings.ToUpper(e), ".")
		out.Events = append(out.Events, webhookEventWire{entity, action})
	}
	return out
}

func oneWebhook(w webhook.Webhook, err error) (any, error) {
	return map[string]webhookWire{"webhook": webhookOf(w)}, err
}

// events reads the list of events; entity and action are required in each.
func (c *call) events(name string) []string {
	var out []string
	for _, m := range c.list(name) {
		out = append(out, m.event())
		c.adopt(m)
	}
	return out
}

func (c *call) event() string {
	entity, action := c.enum("entity", webhookEntities), c.enum("action", webhookActions)
	if c.err == nil && entity == "" {
		c.missing("entity")
	}
	if c.err == nil && action == "" {
		c.missing("action")
	}
	return strings.ToLower(entity + "." + action)
}

func (s *server) createWebhook(c *call) (any, error) {
	in := webhook.Input{Name: c.need("name"), URL: c.need("url"), Events: c.events("events"), Description: c.str("description"),
		Secret: c.str("secret"), Status: webhook.Status(c.enum("status", webhookStatuses))}
	if c.err == nil && c.get("events") == nil {
		c.missing("events")
	}
	if c.err != nil {
		return nil, c.err
	}
	return oneWebhook(s.Webhooks.Create(c.ctx, in))
}

func (s *server) listWebhooks(c *call) (any, error) {
	limit, token := c.int64Or("max_results", 0), c.str("page_token")
	if c.err != nil {
		return nil, c.err
	}
	page, err := s.Webhooks.List(c.ctx, int(max(-1, min(limit, 1001))), token)
	answer := struct {
		Webhooks []webhookWire `json:"webhooks,omitempty"`
		Next     string        `json:"next_page_token,omitempty"`
	}{Next: page.Next}
	for _, w := range page.Webhooks {
		answer.Webhooks = append(answer.Webhooks, webhookOf(w))
	}
	return answer, err
}

func (s *server) getWebhook(c *call) (any, error) {
	return oneWebhook(s.Webhooks.Get(c.ctx, c.vars["webhook_id"]))
}

// updateWebhook keeps name and address when they come empty, as MLflow does; an empty description or secret removes it.
func (s *server) updateWebhook(c *call) (any, error) {
	change := webhook.Change{Events: c.events("events"), Description: c.given("description"), Secret: c.given("secret"),
		Name: c.given("name"), URL: c.given("url")}
	if change.Name != nil && *change.Name == "" {
		change.Name = nil
	}
	if change.URL != nil && *change.URL == "" {
		change.URL = nil
	}
	if status := webhook.Status(c.enum("status", webhookStatuses)); status != "" {
		change.Status = &status
	}
	if c.err != nil {
		return nil, c.err
	}
	return oneWebhook(s.Webhooks.Update(c.ctx, c.vars["webhook_id"], change))
}

// given gives a text without NUL, nil when it is unset.
func (c *call) given(name string) *string {
	text, set := c.text(name)
	if !set {
		return nil
	}
	return &text
}

func (s *server) deleteWebhook(c *call) (any, error) {
	return empty{}, s.Webhooks.Delete(c.ctx, c.vars["webhook_id"])
}

func (s *server) testWebhook(c *call) (any, error) {
	event := ""
	if m := c.message("event"); m != nil {
		event = m.event()
		c.adopt(m)
	}
	if c.err != nil {
		return nil, c.err
	}
	result, err := s.Webhooks.Test(c.ctx, c.vars["webhook_id"], event)
	answer := struct {
		Success bool   `json:"success"`
		Status  int    `json:"response_status,omitempty"`
		Body    string `json:"response_body,omitempty"`
		Error   string `json:"error_message,omitempty"`
	}{result.Success, result.Status, result.Body, result.Error}
	return map[string]any{"result": answer}, err
}

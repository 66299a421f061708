package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Limits in characters; the name's is in its form.
const (
	maxURL         = 2000
	maxDescription = 1000
	maxSecret      = 1000
)

// Input makes a webhook.
type Input struct {
	Name        string
	Description string
	URL         string
	Events      []string
	Status      Status // "" = Active
	Secret      string // signs what is sent; "" = not signed
}

// Change changes a webhook; nil fields and empty Events stay as they are.
type Change struct {
	Name, Description, URL, Secret *string
	Events                         []string
	Status                         *Status
}

// Page is one page of webhooks, newest first. Next is "" on the last one.
type Page struct {
	Webhooks []Webhook
	Next     string
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$`)

func checkName(name string) error {
	if nameForm.MatchString(name) {
		return nil
	}
	return fault.New(fault.Invalid, "Webhook name '%s' is invalid. It must start and end with a letter or digit, be less than 63 characters long, "+
		"and contain only letters, digits, dots (.), underscores (_), and hyphens (-).", name)
}

func checkLength(what, text string, limit int) error {
	if utf8.RuneCountInString(text) > limit {
		return fault.New(fault.Invalid, "'%s' exceeds the maximum length of %d characters", what, limit)
	}
	return nil
}

func checkStatus(s Status) error {
	if s != Active && s != Disabled {
		return fault.New(fault.Invalid, "Invalid webhook status '%s'. It must be ACTIVE or DISABLED.", s)
	}
	return nil
}

// Create makes a webhook. Names need not be unique.
func (r *Room) Create(ctx context.Context, in Input) (Webhook, error) {
	if in.Status == "" {
		in.Status = Active
	}
	now := r.now()
	w := Webhook{ID: newID(), Status: in.Status, CreatedAt: now, sealed: []byte{}}
	err := r.apply(ctx, &w, Change{Name: &in.Name, Description: &in.Description, URL: &in.URL, Secret: &in.Secret, Events: in.Events, Status: &in.Status})
	if err == nil && len(in.Events) == 0 {
		_, err = checkEvents(nil)
	}
	if err != nil {
		return Webhook{}, err
	}
	w.UpdatedAt = now
	return w, r.db.Update(ctx, func(tx *db.Tx) error { return insertWebhook(tx, w) })
}

// apply checks a change and makes it on w.
func (r *Room) apply(ctx context.Context, w *Webhook, c Change) (err error) {
	if c.Name != nil {
		if err := checkName(*c.Name); err != nil {
			return err
		}
		w.Name = *c.Name
	}
	if c.URL != nil {
		if err := r.checkURL(ctx, *c.URL); err != nil {
			return err
		}
		w.URL = *c.URL
	}
	if len(c.Events) > 0 {
		if w.Events, err = checkEvents(c.Events); err != nil {
			return err
		}
	}
	if c.Description != nil {
		if err := checkLength("description", *c.Description, maxDescription); err != nil {
			return err
		}
		w.Description = *c.Description
	}
	if c.Status != nil {
		if err := checkStatus(*c.Status); err != nil {
			return err
		}
		w.Status = *c.Status
	}
	if c.Secret != nil {
		if err := checkLength("secret", *c.Secret, maxSecret); err != nil {
			return err
		}
		w.sealed, err = r.key.seal(w.ID, *c.Secret)
	}
	return err
}

// Get gives a webhook; an unknown or deleted one is fault.NotFound.
func (r *Room) Get(ctx context.Context, id string) (Webhook, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) (Webhook, error) { return getWebhook(tx, id) })
}

// List gives a page of at most limit webhooks (1 to 1000; 0 = 100), from the token of the page before.
func (r *Room) List(ctx context.Context, limit int, token string) (Page, error) {
	if limit == 0 {
		limit = 100
	}
	if limit < 1 || limit > 1000 {
		return Page{}, fault.New(fault.Invalid, "max_results must be between 1 and 1000.")
	}
	after, err := readToken(token)
	if err != nil {
		return Page{}, err
	}
	list, err := db.Get(ctx, r.db, func(tx *db.Tx) ([]Webhook, error) { return listWebhooks(tx, after, limit+1) })
	if err != nil || len(list) <= limit {
		return Page{Webhooks: list}, err
	}
	last := list[limit-1]
	return Page{list[:limit], position{db.Millis(last.CreatedAt), last.ID}.token()}, nil
}

// position is where a page ended.
type position struct {
	Created int64  `json:"created"`
	ID      string `json:"id"`
}

func (p position) token() string {
	b, _ := json.Marshal(p) // numbers and texts always marshal
	return base64.StdEncoding.EncodeToString(b)
}

func readToken(token string) (p *position, err error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, fault.New(fault.Invalid, "Invalid page token, could not base64-decode")
	}
	if json.Unmarshal(raw, &p) != nil || p == nil || p.ID == "" {
		return nil, fault.New(fault.Invalid, "Invalid page token, decoded value=%q", raw)
	}
	return p, nil
}

// Update changes a webhook.
func (r *Room) Update(ctx context.Context, id string, c Change) (Webhook, error) {
	if _, err := r.Get(ctx, id); err != nil {
		return Webhook{}, err
	}
	checked := Webhook{ID: id}
	if err := r.apply(ctx, &checked, c); err != nil { // resolves a name: not inside a transaction
		return Webhook{}, err
	}
	return db.Change(ctx, r.db, func(tx *db.Tx) (Webhook, error) {
		w, err := getWebhook(tx, id)
		if err != nil {
			return w, err
		}
		w.take(checked, c)
		w.UpdatedAt = r.now()
		return w, updateWebhook(tx, w)
	})
}

// take copies what c changes from a webhook on which c was made.
func (w *Webhook) take(from Webhook, c Change) {
	if c.Name != nil {
		w.Name = from.Name
	}
	if c.Description != nil {
		w.Description = from.Description
	}
	if c.URL != nil {
		w.URL = from.URL
	}
	if len(c.Events) > 0 {
		w.Events = from.Events
	}
	if c.Status != nil {
		w.Status = from.Status
	}
	if c.Secret != nil {
		w.sealed = from.sealed
	}
}

// Delete removes a webhook and its secret; deliveries that wait are not sent any more.
func (r *Room) Delete(ctx context.Context, id string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := getWebhook(tx, id); err != nil {
			return err
		}
		return deleteWebhook(tx, id, r.now())
	})
}

// newID makes a random UUID (version 4), the form that receivers of MLflow's webhooks know.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// until is the instant before which ended deliveries are forgotten.
func (r *Room) until() time.Time { return r.now().Add(-Keep) }

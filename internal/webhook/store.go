package webhook

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

const columns = `w.id, w.name, w.description, w.url, w.events, w.status, w.secret, w.created_ms, w.updated_ms`

// webhooks reads webhooks that are not deleted. rest goes on after WHERE.
func webhooks(tx *db.Tx, rest string, args ...any) ([]Webhook, error) {
	var out []Webhook
	err := tx.Each(func(rows *sql.Rows) error {
		var w Webhook
		var events string
		var created, updated int64
		if err := rows.Scan(&w.ID, &w.Name, &w.Description, &w.URL, &events, &w.Status, &w.sealed, &created, &updated); err != nil {
			return err
		}
		w.CreatedAt, w.UpdatedAt = db.Time(created), db.Time(updated)
		out = append(out, w)
		if err := json.Unmarshal([]byte(events), &out[len(out)-1].Events); err != nil {
			return fmt.Errorf("events of webhook %s: %w", w.ID, err)
		}
		return nil
	}, `SELECT `+columns+` FROM webhook w WHERE w.deleted = 0 AND `+rest, args...)
	return out, err
}

func getWebhook(tx *db.Tx, id string) (Webhook, error) {
	list, err := webhooks(tx, `w.id = ?`, id)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "Webhook with ID %s not found.", id)
	}
	if err != nil {
		return Webhook{}, err
	}
	return list[0], nil
}

// listWebhooks gives the newest n webhooks after a position.
func listWebhooks(tx *db.Tx, after *position, n int) ([]Webhook, error) {
	if after == nil {
		return webhooks(tx, `1 = 1 ORDER BY w.created_ms DESC, w.id DESC LIMIT ?`, n)
	}
	return webhooks(tx, `(w.created_ms < ? OR w.created_ms = ? AND w.id < ?) ORDER BY w.created_ms DESC, w.id DESC LIMIT ?`,
		after.Created, after.Created, after.ID, n)
}

// listeners gives the active webhooks of an event.
func listeners(tx *db.Tx, event string) ([]Webhook, error) {
	return webhooks(tx, `w.status = ? AND w.id IN (SELECT webhook_id FROM webhook_event WHERE event = ?) ORDER BY w.id`, string(Active), event)
}

func insertWebhook(tx *db.Tx, w Webhook) error {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO webhook (id, name, description, url, events, status, secret, deleted, created_ms, updated_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`, w.ID, w.Name, w.Description, w.URL, string(events), string(w.Status), w.sealed,
		db.Millis(w.CreatedAt), db.Millis(w.UpdatedAt)); err != nil {
		return err
	}
	return insertEvents(tx, w)
}

func insertEvents(tx *db.Tx, w Webhook) error {
	for _, e := range w.Events {
		if _, err := tx.Exec(`INSERT INTO webhook_event (event, webhook_id) VALUES (?, ?)`, e, w.ID); err != nil {
			return err
		}
	}
	return nil
}

func updateWebhook(tx *db.Tx, w Webhook) error {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE webhook SET name = ?, description = ?, url = ?, events = ?, status = ?, secret = ?, updated_ms = ? WHERE id = ?`,
		w.Name, w.Description, w.URL, string(events), string(w.Status), w.sealed, db.Millis(w.UpdatedAt), w.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM webhook_event WHERE webhook_id = ?`, w.ID); err != nil {
		return err
	}
	return insertEvents(tx, w)
}

// deleteWebhook keeps the row for its deliveries, without address and secret.
func deleteWebhook(tx *db.Tx, id string, now time.Time) error {
	if _, err := tx.Exec(`DELETE FROM webhook_event WHERE webhook_id = ?`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE webhook SET deleted = 1, url = '', secret = ?, updated_ms = ? WHERE id = ?`, []byte{}, db.Millis(now), id)
	return err
}

const deliveryColumns = `d.id, d.webhook_id, d.event, d.body, d.state, d.attempts, d.http_status, d.error, d.created_ms, d.done_ms`

func deliveries(tx *db.Tx, rest string, args ...any) ([]Delivery, error) {
	var out []Delivery
	err := tx.Each(func(rows *sql.Rows) error {
		var d Delivery
		var created, done int64
		err := rows.Scan(&d.ID, &d.Webhook, &d.Event, &d.Body, &d.State, &d.Attempts, &d.HTTPStatus, &d.Error, &created, &done)
		d.CreatedAt, d.DoneAt = db.Time(created), db.Time(done)
		out = append(out, d)
		return err
	}, `SELECT `+deliveryColumns+` FROM webhook_delivery d WHERE `+rest, args...)
	return out, err
}

func insertDelivery(tx *db.Tx, d Delivery) error {
	_, err := tx.Exec(`INSERT INTO webhook_delivery (id, webhook_id, event, body, state, attempts, http_status, error, created_ms, done_ms)
		VALUES (?, ?, ?, ?, ?, 0, 0, '', ?, 0)`, d.ID, d.Webhook, d.Event, d.Body, string(d.State), db.Millis(d.CreatedAt))
	return err
}

// note stores how an attempt ended. A delivery that has ended already stays as it is.
func note(tx *db.Tx, d Delivery) error {
	_, err := tx.Exec(`UPDATE webhook_delivery SET state = ?, attempts = ?, http_status = ?, error = ?, done_ms = ? WHERE id = ? AND state = ?`,
		string(d.State), d.Attempts, d.HTTPStatus, d.Error, db.Millis(d.DoneAt), d.ID, string(Waiting))
	return err
}

func forget(tx *db.Tx, before time.Time) error {
	_, err := tx.Exec(`DELETE FROM webhook_delivery WHERE done_ms > 0 AND done_ms < ?`, db.Millis(before))
	return err
}

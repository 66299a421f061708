package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/job"
)

// State says where a delivery stands.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting"   // for its first or next attempt
	Delivered State = "delivered" // answered by 2xx
	Failed    State = "failed"    // refused for good, or all attempts are used
	Dropped   State = "dropped"   // the webhook was disabled or deleted meanwhile
)

// Delivery is one message to one webhook.
type Delivery struct {
	ID         string // X-MLflow-Delivery-Id, the same in every attempt
	Webhook    string // id
	Event      string
	Body       string // what is sent
	State      State
	Attempts   int
	HTTPStatus int    // of the last answer; 0 = there was none
	Error      string // of the last attempt
	CreatedAt  time.Time
	DoneAt     time.Time // zero while it waits
}

// Notify stores, inside the transaction of a change, a delivery and its job for each active webhook that listens to the event.
func (r *Room) Notify(tx *db.Tx, event string, data any) error {
	list, err := listeners(tx, event)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := checkEvent(event); err != nil {
		return err
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	body, err := r.message(event, raw)
	if err != nil {
		return err
	}
	for _, w := range list {
		d := Delivery{ID: newID(), Webhook: w.ID, Event: event, Body: string(body), State: Waiting, CreatedAt: r.now()}
		if err := insertDelivery(tx, d); err != nil {
			return err
		}
		if err := r.jobs.Insert(tx, deliverJob, deliverArgs{d.ID}, job.Options{Attempts: Attempts + spare}); err != nil {
			return err
		}
	}
	return nil
}

type deliverArgs struct {
	Delivery string `json:"delivery"`
}

// Deliveries lists what was sent or waits for a webhook, newest first, at most limit.
func (r *Room) Deliveries(ctx context.Context, webhook string, limit int) ([]Delivery, error) {
	return db.Get(ctx, r.db, func(tx *db.Tx) ([]Delivery, error) {
		return deliveries(tx, `d.webhook_id = ? ORDER BY d.created_ms DESC, d.id LIMIT ?`, webhook, limit)
	})
}

// deliver is the job of one attempt.
func (r *Room) deliver(ctx context.Context, j job.Job) error {
	var args deliverArgs
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return job.Never(fmt.Errorf("arguments of a delivery: %w", err))
	}
	d, w, err := r.waiting(ctx, args.Delivery)
	if err != nil || d == nil {
		return err
	}
	d.Attempts++
	var failed error
	if w == nil || w.Status != Active {
		d.State = Dropped
	} else {
		failed = r.attempt(ctx, *w, d, j.Last || d.Attempts >= Attempts)
	}
	if d.State != Waiting {
		d.DoneAt = r.now()
	}
	err = r.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if err := note(tx, *d); err != nil {
			return err
		}
		return forget(tx, r.until())
	})
	switch {
	case err != nil:
		return err
	case d.State == Failed:
		r.cfg.Log.Warn("a webhook could not be delivered", "webhook", w.Name, "id", w.ID, "delivery", d.ID, "event", d.Event,
			"attempts", d.Attempts, "status", d.HTTPStatus, "error", d.Error)
		return job.Never(failed)
	}
	return failed
}

// waiting reads a delivery that is to be sent and its webhook; both are nil when there is nothing to do, the webhook alone
// when it was deleted.
func (r *Room) waiting(ctx context.Context, id string) (d *Delivery, w *Webhook, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		list, err := deliveries(tx, `d.id = ? AND d.state = ?`, id, string(Waiting))
		if err != nil || len(list) == 0 {
			return err
		}
		d = &list[0]
		found, err := webhooks(tx, `w.id = ?`, d.Webhook)
		if len(found) > 0 {
			w = &found[0]
		}
		return err
	})
	return d, w, err
}

// attempt sends a delivery once and notes in d how it ended. Its error says when to try again.
func (r *Room) attempt(ctx context.Context, w Webhook, d *Delivery, last bool) error {
	a, err := r.send(ctx, w, d.ID, []byte(d.Body))
	d.HTTPStatus, d.Error = a.status, ""
	if err == nil && a.status/100 == 2 {
		d.State = Delivered
		return nil
	}
	if err == nil {
		err = fmt.Errorf("the receiver answered %d", a.status)
		if a.status/100 == 3 {
			err = fmt.Errorf("%w, a redirect, which is not followed: set the final address", err)
		}
	}
	d.Error = err.Error()
	if last || !again(a.status, err) {
		d.State = Failed
		return err
	}
	wait := a.retryAfter
	if wait == 0 {
		wait = r.cfg.Backoff(d.Attempts)
	}
	return job.Later(wait, err)
}

// again tells whether another attempt may succeed.
func again(status int, err error) bool {
	switch {
	case errors.Is(err, errPrivate), fault.Is(err, fault.Invalid), fault.Is(err, fault.Precondition):
		return false
	case status == 0, status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status != http.StatusNotImplemented
}

// answer is what a receiver said.
type answer struct {
	status     int
	body       string // its first maxAnswer bytes
	retryAfter time.Duration
}

// send makes one request. The error is about the way; an answer of any status is none.
func (r *Room) send(ctx context.Context, w Webhook, id string, body []byte) (answer, error) {
	secret, err := r.key.open(w.ID, w.sealed)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return answer{}, fault.New(fault.Invalid, "the address of the webhook is no URL")
	}
	if err := r.checkScheme(req.URL); err != nil {
		return answer{}, err
	}
	timestamp := strconv.FormatInt(r.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "paraplu-webhook")
	req.Header.Set("X-MLflow-Delivery-Id", id)
	req.Header.Set("X-MLflow-Timestamp", timestamp)
	if secret != "" {
		req.Header.Set("X-MLflow-Signature", sign(secret, id, timestamp, body))
	}
	res, err := r.client.Do(req)
	if err != nil {
		return answer{}, unaddressed(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // the status counts, even if the rest does not come
	if err != nil {
		text = nil
	}
	return answer{res.StatusCode, strings.ToValidUTF8(string(text), "\uFFFD"), r.retryAfter(res.Header.Get("Retry-After"))}, nil
}

// unaddressed takes the address out of an error: it may hold a token, and errors are stored and logged.
func unaddressed(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// retryAfter reads the header: seconds, or a date.
func (r *Room) retryAfter(text string) time.Duration {
	var wait time.Duration
	if n, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(n, int(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(r.now())
	}
	return max(0, min(wait, maxWait))
}

// TestResult is what a webhook answered to a test.
type TestResult struct {
	Success bool // answered 2xx
	Status  int
	Body    string
	Error   string // why there is no answer
}

// Test sends an example at once, of the first event of the webhook when event is "". A failure of the receiver is a result, not
// an error.
func (r *Room) Test(ctx context.Context, id, event string) (TestResult, error) {
	w, err := r.Get(ctx, id)
	if err != nil {
		return TestResult{}, err
	}
	if event == "" {
		event = w.Events[0]
	}
	if err := checkEvent(event); err != nil {
		return TestResult{}, err
	}
	body, err := r.message(event, json.RawMessage(examples[event]))
	if err != nil {
		return TestResult{}, err
	}
	a, err := r.send(ctx, w, newID(), body)
	if err != nil {
		return TestResult{Error: "Failed to test webhook: " + err.Error()}, nil
	}
	return TestResult{Success: a.status/100 == 2, Status: a.status, Body: a.body}, nil
}

package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/webhook"
)

// A command that changes the registry and ends leaves the delivery to the next server.
func TestWebhooksOfACommandAreSentByTheNextServer(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		got := make(chan string, 9)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- string(body)
		}))
		defer receiver.Close()
		strict := open(t, cfg)
		in := webhook.Input{Name: "ci", URL: receiver.URL, Events: []string{"registered_model.created"}}
		if _, err := strict.Webhooks.Create(ctx, in); !fault.Is(err, fault.Invalid) {
			t.Errorf("a private address without the setting: %v", err)
		}
		cfg.AllowPrivateWebhooks = true
		command := open(t, cfg)
		hook, err := command.Webhooks.Create(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := command.Registry.CreateModel(ctx, registry.ModelInput{Name: "rain"}); err != nil {
			t.Fatal(err)
		}
		if err := command.Close(); err != nil {
			t.Fatal(err)
		}
		server := open(t, cfg)
		start(t, server)
		select {
		case body := <-got:
			if !strings.Contains(body, `"name":"rain"`) {
				t.Error(body)
			}
		case <-time.After(time.Minute):
			t.Fatal("nothing was sent")
		}
		if err := server.Stop(ctx); err != nil { // notes what was sent
			t.Error(err)
		}
		list, err := server.Webhooks.Deliveries(ctx, hook.ID, 9)
		if err != nil || len(list) != 1 || list[0].State != webhook.Delivered || len(got) != 0 {
			t.Errorf("%+v, %v, %d more", list, err, len(got))
		}
	})
}
